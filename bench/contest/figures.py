"""What the contest says, in figures, and as a table for people."""

from collections.abc import Iterator, Sequence
from math import nan, sqrt

import numpy as np

from bench import report
from bench.contest.play import SETTINGS, Played, calibration_error
from bench.contest.rivals import OURS
from bench.contest.running import Contest

BEHIND, AFTER, CALIBRATION = 0.01, 0.35, 0.02
GOAL_MARKS = (500, 2_000)


def of(contest: Contest) -> list[report.Figure]:
    """All figures of all policies: what each captured, and how true its confidence is."""
    found = []
    for world, played in contest.items():
        for name, tenants in played.items():
            for mark, (value, error) in marks(world, tenants).items():
                title = f"{world}, captured {_when(world, mark)}: {name}"
                found.append(report.figure(title, value, "of 1", error=error))
            if tenants[0].confidence is not None:
                title = f"{world}, calibration error: {name}"
                found.append(report.figure(title, calibration_error(tenants), "of 1"))
    return found


def goals(contest: Contest) -> list[report.Figure]:
    """How far this model is behind the first, where it is to be the first, and how true its confidence is."""
    return [
        goal
        for world, played in contest.items()
        if SETTINGS[world].goals and OURS in played
        for goal in _goals(world, played)
    ]


def _goals(world: str, played: dict[str, list[Played]]) -> Iterator[report.Figure]:
    captured = {name: marks(world, tenants) for name, tenants in played.items()}
    for mark, (ours, error) in captured[OURS].items():
        first = max(captured, key=lambda name: captured[name][mark][0])
        unit, when = f"of 1, first: {first}", _when(world, mark)
        if SETTINGS[world].start(mark):
            yield report.figure(f"{world}, captured {when}", ours, unit, at_least=AFTER, error=error)
        elif mark in GOAL_MARKS:
            pairs = zip(played[first], played[OURS], strict=True)
            behind, apart = _mean([a.captured[mark] - b.captured[mark] for a, b in pairs if mark in a.captured])
            yield report.figure(f"{world}, behind the first {when}", behind, unit, at_most=BEHIND, error=apart)
    wrong = calibration_error(played[OURS])
    yield report.figure(f"{world}, calibration error", wrong, "of 1", at_most=CALIBRATION)


def table(contest: Contest) -> str:
    """A block for each world: mean over tenants ± standard error, `*` for who is first."""
    return "\n\n".join("\n".join(_block(world, played)) for world, played in contest.items())


def _block(world: str, played: dict[str, list[Played]]) -> Iterator[str]:
    captured = {name: marks(world, tenants) for name, tenants in played.items()}
    seen = list(next(iter(captured.values())))
    best = {mark: max(found[mark][0] for found in captured.values()) for mark in seen}
    title = f"{world}, {len(next(iter(played.values())))} tenants"
    yield _row(title, [_when(world, mark) + " " for mark in seen], "calibration")
    for name, found in captured.items():
        cells = [
            f"{value:.3f} ± {error:.3f}{'*' if value == best[mark] else ' '}" for mark, (value, error) in found.items()
        ]
        stated = played[name][0].confidence is not None
        yield _row(f"  {name}", cells, f"{calibration_error(played[name]):.3f}" if stated else "–")


def _row(name: str, cells: Sequence[str], last: str) -> str:
    return f"{name:<28}" + "".join(f"{cell:>18}" for cell in cells) + f"{last:>14}"


def _when(world: str, mark: int) -> str:
    start = SETTINGS[world].start(mark)
    return f"in {mark - start:,} after" if start else f"at {mark:,}"


def marks(world: str, tenants: Sequence[Played]) -> dict[int, tuple[float, float]]:
    """What was captured at each mark: the mean over the tenants that got so far, and its standard error."""
    return {mark: found for mark, found in curve(tenants).items() if mark in SETTINGS[world].marks}


def curve(tenants: Sequence[Played]) -> dict[int, tuple[float, float]]:
    """The same at each step."""
    at: dict[int, list[float]] = {}
    for tenant in tenants:
        for step, captured in tenant.captured.items():
            at.setdefault(step, []).append(captured)
    return {step: _mean(values) for step, values in sorted(at.items())}


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """With its standard error."""
    error = float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else nan
    return float(np.mean(values)), error

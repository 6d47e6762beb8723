"""What the contest says, in figures, and as a table for people."""

from collections.abc import Iterator
from math import sqrt

import numpy as np

from bench import report
from bench.contest.play import CHANGED, SETTINGS, Played, calibration_error
from bench.contest.rivals import OURS
from bench.contest.running import Contest

BEHIND, CALIBRATION, AFTER = 0.01, 0.02, 0.35
GOAL_MARKS = (500, 2_000)


def of(contest: Contest) -> list[report.Figure]:
    """All figures of all policies: what each captured, and how true its confidence is."""
    found = []
    for world, played in contest.items():
        for name, tenants in played.items():
            found += [
                report.figure(f"{world}, captured {when}: {name}", value, "of 1", error=error)
                for when, (value, error) in _captured(world, tenants).items()
            ]
            if tenants[0].confidence is not None:
                error = calibration_error(tenants)
                found.append(report.figure(f"{world}, calibration error: {name}", error, "of 1"))
    return found


def goals(contest: Contest) -> list[report.Figure]:
    """How far this model is behind the first, where it is to be the first, and how true its confidence is."""
    found = []
    for world, played in contest.items():
        if not SETTINGS[world].goals or OURS not in played:
            continue
        captured = {name: _captured(world, tenants) for name, tenants in played.items()}
        for mark in GOAL_MARKS:
            when = f"at {mark:,}"
            first = max(captured, key=lambda name: captured[name][when][0])
            behind = captured[first][when][0] - captured[OURS][when][0]
            unit = f"of 1, first: {first}"
            found.append(report.figure(f"{world}, behind the first {when}", behind, unit, at_most=BEHIND))
        if world == CHANGED:
            after = captured[OURS]["after"][0]
            found.append(report.figure(f"{world}, captured afterwards", after, "of 1", at_least=AFTER))
        error = calibration_error(played[OURS])
        found.append(report.figure(f"{world}, calibration error", error, "of 1", at_most=CALIBRATION))
    return found


def table(contest: Contest) -> str:
    """A block for each world: mean over tenants ± standard error, `*` for who is first."""
    return "\n\n".join("\n".join(_block(world, played)) for world, played in contest.items())


def _block(world: str, played: dict[str, list[Played]]) -> Iterator[str]:
    captured = {name: _captured(world, tenants) for name, tenants in played.items()}
    whens = list(next(iter(captured.values())))
    best = {when: max(of[when][0] for of in captured.values()) for when in whens}
    count = len(next(iter(played.values())))
    yield f"{f'{world}, {count} tenants':<26}" + "".join(f"{when:>18}" for when in whens) + f"{'calibration':>14}"
    for name, of in captured.items():
        cells = [
            f"{value:.3f} ± {error:.3f}{'*' if value == best[when] else ' '}" for when, (value, error) in of.items()
        ]
        stated = played[name][0].confidence is not None
        calibration = f"{calibration_error(played[name]):.3f}" if stated else "–"
        yield f"  {name:<24}" + "".join(f"{cell:>18}" for cell in cells) + f"{calibration:>14}"


def _captured(world: str, tenants: list[Played]) -> dict[str, tuple[float, float]]:
    """At each mark: the mean over the tenants that got so far, and its standard error."""
    values = {
        f"at {mark:,}": [tenant.marks[mark] for tenant in tenants if mark in tenant.marks]
        for mark in SETTINGS[world].marks
    }
    if world == CHANGED:
        values["after"] = [tenant.after for tenant in tenants]
    return {
        when: (float(np.mean(each)), float(np.std(each, ddof=1)) / sqrt(len(each)) if len(each) > 1 else float("nan"))
        for when, each in values.items()
        if each
    }

"""A table for people, the same figures as JSON for programs."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Figure:
    """One measured number; `goal` is "" where there is none, and `ok` is then true."""

    name: str
    value: float
    unit: str
    goal: str = ""
    ok: bool = True
    error: float | None = None  # the standard error, where it was measured


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    error: float | None = None,
) -> Figure:
    value, error = round(value, 3), None if error is None or isnan(error) else round(error, 3)
    if at_least is not None:
        return Figure(name, value, unit, f"≥ {at_least:g}", value >= at_least, error)
    if at_most is not None:
        return Figure(name, value, unit, f"≤ {at_most:g}", value <= at_most, error)
    return Figure(name, value, unit, error=error)


def publish(name: str, figures: list[Figure], *, write: Callable[[str], None] = print) -> None:
    """Print the table and write `bench/out/NAME.json`."""
    show(figures, write=write)
    save(name, figures)


def show(figures: list[Figure], *, write: Callable[[str], None] = print) -> None:
    """Print the table."""
    errors = ["" if item.error is None else f" ± {item.error:.3f}" for item in figures]
    name, apart = max(len(item.name) for item in figures), max(len(error) for error in errors)
    for item, error in zip(figures, errors, strict=True):
        goal = f"goal {item.goal}: {'reached' if item.ok else 'MISSED'}" if item.goal else ""
        write(f"{item.name:<{name}}  {item.value:>10,.3f}{error:<{apart}} {item.unit:<14} {goal}".rstrip())


def save(name: str, figures: list[Figure]) -> None:
    """Write `bench/out/NAME.json`."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps([asdict(item) for item in figures], indent=2, ensure_ascii=False) + "\n")

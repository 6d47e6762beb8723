"""What the model knows of a user: numbers by name, from the user's row and the traits that the tenant declared.

A name says what kind it is: `bias` is 1, a name with `=` is 1 or absent, any other is a number that is standardised.
What is unknown is absent, and counts as 0 after standardisation: it speaks for no action.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from events.models import LifecycleStage

BIAS = "bias"
LIMIT = 32

_SCORES = ("activation_score", "engagement_score", "expansion_score")
_STAGES = tuple(f"lifecycle_stage={stage}" for stage in LifecycleStage.values)
BUILT_IN = (BIAS, *_SCORES, *_STAGES, "recency", "tenure", "activity")

# Where the standardisation starts, as (mean, standard deviation). Times are log(1 + days), activity is log(1 + events);
# declared numbers are logarithms too, with their sign, since amounts and counts have long tails.
REFERENCE = {
    **dict.fromkeys(_SCORES, (0.5, 0.3)),
    "recency": (1.5, 1.2),
    "tenure": (4.0, 1.5),
    "activity": (2.0, 1.2),
}

_MAX_NAME = 63
_MAX_VALUE = 1e9


class Fault(NamedTuple):
    """What is wrong with a declaration, and where, as a JSON pointer into the tenant's config."""

    pointer: str
    detail: str


@dataclass(frozen=True)
class Declared:
    """A tenant's own features, and the names of all: the feature list."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The feature list: built-in ones first, then the declared ones in the order of their declaration."""
        numeric = tuple(f"traits.{trait}" for trait in self.numeric)
        return (
            *BUILT_IN,
            *numeric,
            *(f"traits.{trait}={level}" for trait, levels in self.categorical for level in levels),
        )


def is_numeric(name: str) -> bool:
    """Whether a feature is standardised."""
    return name != BIAS and "=" not in name


def declared(config: Any) -> tuple[Declared, list[Fault]]:
    """Read `config.features`: `{"numeric": ["orders"], "categorical": {"plan": ["free", "pro"]}}`.

    What is at fault is left out, so that a decision never fails for it; who stores a config refuses it by the faults.
    """
    features = config.get("features", {}) if isinstance(config, dict) else {}
    if not isinstance(features, dict):
        return Declared(), [Fault("/features", "An object with `numeric` and `categorical`.")]
    faults = [
        Fault(f"/features/{name}", "Not known here.") for name in features if name not in {"numeric", "categorical"}
    ]
    room = LIMIT - len(BUILT_IN)
    numeric: list[str] = []
    categorical: list[tuple[str, tuple[str, ...]]] = []

    listed = features.get("numeric", [])
    if not isinstance(listed, list):
        faults.append(Fault("/features/numeric", "A list of traits."))
        listed = []
    for index, trait in enumerate(listed):
        if fault := _name_fault(trait, numeric):
            faults.append(Fault(f"/features/numeric/{index}", fault))
        elif room < 1:
            faults.append(Fault(f"/features/numeric/{index}", _no_room()))
        else:
            numeric.append(trait)
            room -= 1

    by_trait = features.get("categorical", {})
    if not isinstance(by_trait, dict):
        faults.append(Fault("/features/categorical", "An object of lists: the values of each trait."))
        by_trait = {}
    for trait, levels in by_trait.items():
        pointer = f"/features/categorical/{_escaped(trait)}"
        taken = [*numeric, *(name for name, _ in categorical)]
        if fault := _name_fault(trait, taken) or _levels_fault(levels):
            faults.append(Fault(pointer, fault))
        elif room < len(levels):
            faults.append(Fault(pointer, _no_room()))
        else:
            categorical.append((trait, tuple(levels)))
            room -= len(levels)
    return Declared(tuple(numeric), tuple(categorical)), faults


def of_user(user: Mapping[str, Any], declared: Declared, now: datetime) -> dict[str, float]:
    """The features of one user that are known, by the columns of its row."""
    found = {BIAS: 1.0, f"lifecycle_stage={user['lifecycle_stage']}": 1.0}
    found |= {name: value for name in _SCORES if (value := _number(user.get(name))) is not None}
    for name, since in (("recency", user.get("last_activity_at")), ("tenure", user.get("created_at"))):
        if since is not None:
            found[name] = math.log1p(max((now - since).total_seconds(), 0) / 86400)
    if (events := _number(user.get("events_14d"))) is not None:
        found["activity"] = math.log1p(max(events, 0))
    traits = user.get("traits") or {}
    for trait in declared.numeric:
        if (value := _number(traits.get(trait))) is not None:
            found[f"traits.{trait}"] = math.copysign(math.log1p(abs(value)), value)
    for trait, levels in declared.categorical:
        if (level := _level(traits.get(trait))) in levels:
            found[f"traits.{trait}={level}"] = 1.0
    return found


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _number(value: Any) -> float | None:
    if not isinstance(value, bool | int | float) or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(max(-_MAX_VALUE, min(value, _MAX_VALUE)))


def _level(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) <= _MAX_VALUE:
        return str(value)
    return value if isinstance(value, str) else None


def _name_fault(trait: Any, taken: list[str]) -> str | None:
    if not isinstance(trait, str) or not 0 < len(trait) <= _MAX_NAME or "=" in trait or "\0" in trait:
        return f"A trait's name: a string of 1 to {_MAX_NAME} characters without `=`."
    return "A trait is declared once." if trait in taken else None


def _levels_fault(levels: Any) -> str | None:
    strings = isinstance(levels, list) and all(isinstance(level, str) for level in levels)
    if not strings or not levels or any(not 0 < len(level) <= _MAX_NAME or "\0" in level for level in levels):
        return f"A list of the trait's values: strings of 1 to {_MAX_NAME} characters."
    return "A value is listed once." if len(set(levels)) < len(levels) else None


def _no_room() -> str:
    return f"There is room for {LIMIT - len(BUILT_IN)} declared features: one a numeric trait, one a value of another."

"""What the model knows of a user and the moment: numbers by name, from the user's row, and from what the tenant
declared of its traits and of a request's context.

A name says what kind it is: `bias` is 1, a name with `=` is 1 or absent, any other is a number that is standardised.
What is unknown is absent, and counts as 0 after standardisation: it speaks for no action.
"""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
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
class Group:
    """What is declared of the traits, or of the context."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def names(self, kind: str) -> tuple[str, ...]:
        """In the order of the declaration: `traits.orders`, `traits.plan=free`."""
        return (
            *(f"{kind}.{name}" for name in self.numeric),
            *(f"{kind}.{name}={level}" for name, levels in self.categorical for level in levels),
        )

    def known(self, kind: str, values: Mapping[str, Any]) -> dict[str, float]:
        """Those features that the values tell."""
        found = {}
        for name in self.numeric:
            if (value := _number(values.get(name))) is not None:
                found[f"{kind}.{name}"] = math.copysign(math.log1p(abs(value)), value)
        for name, levels in self.categorical:
            if (level := _level(values.get(name))) in levels:
                found[f"{kind}.{name}={level}"] = 1.0
        return found


@dataclass(frozen=True)
class Declared:
    """A tenant's own features, and the names of all: the feature list."""

    traits: Group = Group()
    context: Group = Group()

    @property
    def names(self) -> tuple[str, ...]:
        """Built-in ones first, then the declared ones in the order of their declaration."""
        return (*BUILT_IN, *self.traits.names("traits"), *self.context.names("context"))


def is_numeric(name: str) -> bool:
    """Whether a feature is standardised."""
    return name != BIAS and "=" not in name


def declared(config: Any) -> tuple[Declared, list[Fault]]:
    """Read `config.features`: `{"numeric": ["orders"], "categorical": {"plan": ["free", "pro"]}, "context": {…}}`.

    `context` has the same two members. What is at fault is left out, so that a decision never fails for it; who stores
    a config refuses it by the faults.
    """
    features = config.get("features", {}) if isinstance(config, dict) else {}
    room = LIMIT - len(BUILT_IN)
    traits, faults = _group(features, "/features", room, besides={"context"})
    within = features.get("context", {}) if isinstance(features, dict) else {}
    context, more = _group(within, "/features/context", room - len(traits.names("traits")))
    return Declared(traits, context), [*faults, *more]


def _group(given: Any, at: str, room: int, besides: Set[str] = frozenset()) -> tuple[Group, list[Fault]]:
    if not isinstance(given, dict):
        return Group(), [Fault(at, "An object with `numeric` and `categorical`.")]
    members = {"numeric", "categorical", *besides}
    faults = [Fault(f"{at}/{_escaped(name)}", "Not known here.") for name in given if name not in members]
    numeric: list[str] = []
    categorical: list[tuple[str, tuple[str, ...]]] = []

    listed = given.get("numeric", [])
    if not isinstance(listed, list):
        faults.append(Fault(f"{at}/numeric", "A list of names."))
        listed = []
    for index, name in enumerate(listed):
        if fault := _name_fault(name, numeric):
            faults.append(Fault(f"{at}/numeric/{index}", fault))
        elif room < 1:
            faults.append(Fault(f"{at}/numeric/{index}", _no_room()))
        else:
            numeric.append(name)
            room -= 1

    by_name = given.get("categorical", {})
    if not isinstance(by_name, dict):
        faults.append(Fault(f"{at}/categorical", "An object of lists: the values of each."))
        by_name = {}
    for name, levels in by_name.items():
        pointer = f"{at}/categorical/{_escaped(name)}"
        taken = [*numeric, *(before for before, _ in categorical)]
        if fault := _name_fault(name, taken) or _levels_fault(levels):
            faults.append(Fault(pointer, fault))
        elif room < len(levels):
            faults.append(Fault(pointer, _no_room()))
        else:
            categorical.append((name, tuple(levels)))
            room -= len(levels)
    return Group(tuple(numeric), tuple(categorical)), faults


def of_user(
    user: Mapping[str, Any], declared: Declared, now: datetime, context: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, float]:
    """The features of one user that are known, by the columns of its row and the context of the request."""
    found = {BIAS: 1.0, f"lifecycle_stage={user['lifecycle_stage']}": 1.0}
    found |= {name: value for name in _SCORES if (value := _number(user.get(name))) is not None}
    for name, since in (("recency", user.get("last_activity_at")), ("tenure", user.get("created_at"))):
        if since is not None:
            found[name] = math.log1p(max((now - since).total_seconds(), 0) / 86400)
    if (events := _number(user.get("events_14d"))) is not None:
        found["activity"] = math.log1p(max(events, 0))
    found |= declared.traits.known("traits", user.get("traits") or {})
    return found | declared.context.known("context", context)


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


def _name_fault(name: Any, taken: list[str]) -> str | None:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or "=" in name or "\0" in name:
        return f"A name: a string of 1 to {_MAX_NAME} characters without `=`."
    return "A name is declared once." if name in taken else None


def _levels_fault(levels: Any) -> str | None:
    strings = isinstance(levels, list) and all(isinstance(level, str) for level in levels)
    if not strings or not levels or any(not 0 < len(level) <= _MAX_NAME or "\0" in level for level in levels):
        return f"A list of values: strings of 1 to {_MAX_NAME} characters."
    return "A value is listed once." if len(set(levels)) < len(levels) else None


def _no_room() -> str:
    return f"There is room for {LIMIT - len(BUILT_IN)} declared features: one a number, one a value of anything else."

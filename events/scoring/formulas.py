"""How users are scored: every threshold, every formula and the table of stages. `docs/scores.md` works them out.

A formula is SQL over one user's facts (`events.scoring.services` gathers them), named as the columns of the subquery
that computes it; `%(name)s` are the thresholds, which a tenant overrides under `scores` of its config. Every score lies
in [0, 1], and none is undefined for a user without events.
"""

import re
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog
from msgspec import Meta, Struct

from events.models import LifecycleStage
from retivo.api.errors import FieldError
from retivo.api.values import escape_pointer

log = structlog.get_logger("retivo.scores")

WINDOW_DAYS = 14

Days = Annotated[float, Meta(ge=0.01, le=3650)]
Target = Annotated[int, Meta(ge=1, le=10_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=0, le=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]


# --- Thresholds -----------------------------------------------------------------------------------------------------


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member of `config.scores`. What it leaves out keeps its default."""


class _Weights(_Section, frozen=True, kw_only=True):
    def __post_init__(self) -> None:
        if not any(round(weight, 6) for weight in msgspec.structs.astuple(self)):
            raise ValueError("One weight must be above 0")


class Milestone(_Section, frozen=True, kw_only=True):
    """A step of onboarding, reached in one of three ways.

    `event`: it happened `count` times. `distinct_events`: so many different events happened. `returned_after_days`:
    there was activity on that UTC day after the first sight, or later.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    event: Name | None = None
    count: Target = 1
    distinct_events: Target | None = None
    returned_after_days: Annotated[int, Meta(ge=1, le=3650)] | None = None

    def __post_init__(self) -> None:
        if [self.event, self.distinct_events, self.returned_after_days].count(None) != 2:
            raise ValueError("Name one of `event`, `distinct_events` and `returned_after_days`")


class EngagementWeights(_Weights, frozen=True, kw_only=True):
    frequency: Weight = 0.3
    breadth: Weight = 0.3
    recency: Weight = 0.2
    retention: Weight = 0.2


class Engagement(_Section, frozen=True, kw_only=True):
    target_active_days: Annotated[int, Meta(ge=1, le=WINDOW_DAYS)] = 7
    target_events: Target = 5
    half_life_days: Days = 7.0
    retention_days: Annotated[tuple[Days, ...], Meta(min_length=1, max_length=20)] = (1.0, 3.0, 7.0, 14.0)
    weights: EngagementWeights = EngagementWeights()


class ExpansionWeights(_Weights, frozen=True, kw_only=True):
    limit: Weight = 0.4
    gates: Weight = 0.4
    signals: Weight = 0.2


class Expansion(_Section, frozen=True, kw_only=True):
    usage_trait: Name = "plan_usage"
    limit_trait: Name = "plan_limit"
    limit_from: Annotated[float, Meta(ge=0, le=0.99)] = 0.5
    gate_event: Name = "feature_gate_hit"
    target_gate_hits: Target = 3
    signals: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    weights: ExpansionWeights = ExpansionWeights()


class HealthWeights(_Weights, frozen=True, kw_only=True):
    engagement: Weight = 0.4
    recency: Weight = 0.2
    trend: Weight = 0.2
    activation: Weight = 0.2


class Health(_Section, frozen=True, kw_only=True):
    high_risk_below: Share = 0.3
    medium_risk_below: Share = 0.6
    weights: HealthWeights = HealthWeights()

    def __post_init__(self) -> None:
        if self.high_risk_below > self.medium_risk_below:
            raise ValueError("`high_risk_below` must not be above `medium_risk_below`")


class Stages(_Section, frozen=True, kw_only=True):
    onboarding_below_activation: Share = 0.5
    at_risk_below_engagement: Share = 0.4
    at_risk_after_days: Days = 14.0
    churned_after_days: Days = 30.0
    recovered_for_days: Days = 14.0

    def __post_init__(self) -> None:
        if self.at_risk_after_days >= self.churned_after_days:
            raise ValueError("`at_risk_after_days` must be below `churned_after_days`")


IDENTIFIED = Milestone(name="identified", event="$identify")
CAME_BACK = Milestone(name="came_back", returned_after_days=1)
EXPLORED = Milestone(name="explored", distinct_events=3)


class Thresholds(_Section, frozen=True, kw_only=True):
    """What `config.scores` may say. The default milestones need nothing of the tenant but events."""

    milestones: Annotated[tuple[Milestone, ...], Meta(min_length=1, max_length=50)] = (IDENTIFIED, CAME_BACK, EXPLORED)
    engagement: Engagement = Engagement()
    expansion: Expansion = Expansion()
    health: Health = Health()
    stages: Stages = Stages()


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Thresholds)}


def faults(given: Any) -> list[FieldError]:
    """What is wrong with `config.scores`, with pointers from it, e.g. `/stages/churned_after_days`."""
    return _read(given)[1]


def thresholds(given: Any) -> Thresholds:
    """Those of a tenant whose `config.scores` is `given`, or None where it says nothing.

    A section with a fault keeps its defaults, and a warning is logged.
    """
    read, found = _read(given)
    for fault in found:
        log.warning("scores_config_invalid", pointer=f"/scores{fault['pointer']}", detail=fault["detail"])
    return read


def _read(given: Any) -> tuple[Thresholds, list[FieldError]]:
    if given is None:
        return Thresholds(), []
    if not isinstance(given, dict):
        return Thresholds(), [_fault("", "Must be an object.")]
    sections: dict[str, Any] = {}
    found = []
    for name, value in given.items():
        if name not in _TYPES:
            found.append(_fault(f"/{escape_pointer(name)}", "There is no such section."))
            continue
        try:
            section = msgspec.convert(value, _TYPES[name])
        except msgspec.ValidationError as error:
            found.append(_fault_of(name, str(error)))
            continue
        repeated = _repeated(section) if name == "milestones" else None
        if repeated is not None:
            found.append(_fault(f"/{name}/{repeated}/name", "Another milestone has this name."))
        else:
            sections[name] = section
    return Thresholds(**sections), found


def _repeated(milestones: tuple[Milestone, ...]) -> int | None:
    names = [milestone.name for milestone in milestones]
    return next((index for index, name in enumerate(names) if name in names[:index]), None)


_PATH = re.compile(r" - at `\$(.*)`$")
_MEMBER = re.compile(r"field `(.*)`$")


def _fault(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code="invalid_scores", detail=detail)


def _fault_of(section: str, message: str) -> FieldError:
    """From msgspec's "… - at `$.weights.recency"`; an unknown or missing member is named in the message."""
    found = _PATH.search(message)
    path = re.findall(r"\w+", found.group(1)) if found else []
    message = message[: found.start()] if found else message
    member = _MEMBER.search(message)
    path += [member.group(1)] if member else []
    return _fault("".join(f"/{escape_pointer(token)}" for token in [section, *path]), f"{message}.")


def parameters(given: Thresholds) -> dict[str, Any]:
    """The thresholds as the parameters of the formulas' SQL: `engagement.weights.recency` as `engagement_w_recency`."""
    named: dict[str, Any] = {
        "milestones": msgspec.json.encode(given.milestones).decode(),
        "milestone_events": [milestone.event for milestone in given.milestones if milestone.event is not None],
    }
    for section in ("engagement", "expansion", "health", "stages"):
        for name, value in msgspec.structs.asdict(getattr(given, section)).items():
            if name == "weights":
                # A weight next to nothing would underflow in a product.
                weights = msgspec.structs.asdict(value)
                named |= {f"{section}_w_{part}": round(weight, 6) for part, weight in weights.items()}
            else:
                named[f"{section}_{name}"] = list(value) if isinstance(value, tuple) else value
    return named


# --- Formulas -------------------------------------------------------------------------------------------------------
#
# `b` is the user's row, `f` what the events of the window say (NULL where there are none), `s` the user's first and
# last sight, `days_since` from the last. PostgreSQL calls 0.5^2000 an error, hence the cap of 100 half-lives.

RECENCY = """
    coalesce(power(0.5::float8, least(s.days_since / %(engagement_half_life_days)s::float8, 100)), 0)
"""

# The share of the milestones that were ever reached; a reached one stays reached.
ACTIVATION = """
    (SELECT count(*) FILTER (WHERE jsonb_exists(m.reached, k.name))::float8 / count(*) FROM milestone k)
"""

FREQUENCY = "least(coalesce(f.active_days, 0)::float8 / %(engagement_target_active_days)s::int, 1)"
BREADTH = "least(coalesce(f.names, 0)::float8 / %(engagement_target_events)s::int, 1)"

# Of the retention days that have come due, those at or after which the user was active: unbounded retention. NULL
# while none is due. Nothing for who was not active in the window at all: a score of 14 days forgets what is older.
RETENTION = """
    (SELECT count(*) FILTER (WHERE f.active_days > 0
                               AND s.last_at >= s.first_at + make_interval(secs => 86400 * d))::float8
          / nullif(count(*), 0)
       FROM unnest(%(engagement_retention_days)s::float8[]) AS d
      WHERE s.first_at + make_interval(secs => 86400 * d) <= %(now)s)
"""

# 0 at `limit_from` of the limit and below, 1 at the limit and above, a line between. NULL without the two traits.
# Numeric, and divided only where the quotient is small: a trait can be any number.
LIMIT = """
    (SELECT CASE WHEN most > 0 THEN CASE
            WHEN used >= most THEN 1
            WHEN used <= %(expansion_limit_from)s::numeric * most THEN 0
            ELSE (used / most - %(expansion_limit_from)s::numeric) / (1 - %(expansion_limit_from)s::numeric)
        END END::float8
       FROM (SELECT CASE WHEN jsonb_typeof(b.traits -> %(expansion_usage_trait)s::text) = 'number'
                         THEN (b.traits ->> %(expansion_usage_trait)s::text)::numeric END AS used,
                    CASE WHEN jsonb_typeof(b.traits -> %(expansion_limit_trait)s::text) = 'number'
                         THEN (b.traits ->> %(expansion_limit_trait)s::text)::numeric END AS most) plan
      WHERE used IS NOT NULL AND most IS NOT NULL)
"""
GATES = "least(coalesce(f.gate_hits, 0)::float8 / %(expansion_target_gate_hits)s::int, 1)"
# NULL where the tenant configures none.
SIGNALS = "coalesce(f.signals, 0)::float8 / nullif(cardinality(%(expansion_signals)s::text[]), 0)"

# How the last seven days compare with the seven before: 1 for as many active days or more, 0 for none.
TREND = "least(coalesce(f.recent_days, 0)::float8 / greatest(f.earlier_days, 1), 1)"


def _mean(**parts: str) -> str:
    """The weighted mean of the parts that are known, by the name of their weight's parameter; 0 if none is."""
    above = " + ".join(f"%({weight})s::float8 * coalesce({part}, 0)" for weight, part in parts.items())
    below = " + ".join(
        f"CASE WHEN {part} IS NULL THEN 0 ELSE %({weight})s::float8 END" for weight, part in parts.items()
    )
    return f"least(coalesce(({above}) / nullif({below}, 0), 0), 1)"


ENGAGEMENT = _mean(
    engagement_w_frequency="p.frequency",
    engagement_w_breadth="p.breadth",
    engagement_w_recency="p.recency",
    engagement_w_retention="p.retention",
)
EXPANSION = _mean(
    expansion_w_limit="p.limit_share",
    expansion_w_gates="p.gates",
    expansion_w_signals="p.signals",
)
HEALTH = _mean(
    health_w_engagement="e.engagement",
    health_w_recency="p.recency",
    health_w_trend="p.trend",
    health_w_activation="p.activation",
)

# --- Stages ---------------------------------------------------------------------------------------------------------

ANY = frozenset(LifecycleStage)

# What the transitions ask. Idle time is from the last activity; a user who never was active is not idle.
CONDITIONS = {
    "never_active": "s.last_at IS NULL",
    "gone": "s.days_since >= %(stages_churned_after_days)s::float8",
    "quiet": "s.days_since >= %(stages_at_risk_after_days)s::float8",
    "returned": "s.last_at > b.stage_changed_at",
    "recovering": (
        "%(now)s < b.stage_changed_at + make_interval(secs => 86400 * %(stages_recovered_for_days)s::float8)"
    ),
    "activated": "p.activation >= %(stages_onboarding_below_activation)s::float8",
    "slack": (
        "p.activation >= %(stages_onboarding_below_activation)s::float8"
        " AND h.engagement < %(stages_at_risk_below_engagement)s::float8"
    ),
    "begun": "p.activation > 0 OR s.last_day > s.first_day",
    "always": "true",
}


class Transition(NamedTuple):
    """From one of `stages`, when `condition` holds, to `to`. The first that fits is taken, so the table is total."""

    stages: frozenset[LifecycleStage]
    condition: str
    to: LifecycleStage


_S = LifecycleStage
TRANSITIONS = (
    Transition(ANY, "never_active", _S.NEW),
    Transition(ANY, "gone", _S.CHURNED),
    Transition(ANY, "quiet", _S.AT_RISK),
    Transition(frozenset({_S.CHURNED}), "returned", _S.RECOVERED),
    Transition(frozenset({_S.RECOVERED}), "recovering", _S.RECOVERED),
    Transition(ANY, "slack", _S.AT_RISK),
    Transition(frozenset({_S.ACTIVE, _S.RECOVERED}), "always", _S.ACTIVE),
    Transition(ANY, "activated", _S.ACTIVE),
    Transition(frozenset({_S.ONBOARDING, _S.AT_RISK}), "always", _S.ONBOARDING),
    Transition(ANY, "begun", _S.ONBOARDING),
    Transition(ANY, "always", _S.NEW),
)


def _stage() -> str:
    whens = []
    for stages, condition, to in TRANSITIONS:
        names = ", ".join(f"'{stage}'" for stage in sorted(stages))
        whens.append(f"WHEN b.lifecycle_stage IN ({names}) AND ({CONDITIONS[condition]}) THEN '{to}'")
    return f"CASE {' '.join(whens)} END"


STAGE = _stage()

# By health, but never high for who is new, never low for who is at risk, always high for who is gone.
RISK = """
    CASE WHEN g.stage = 'churned' THEN 'high'
         WHEN g.stage <> 'new' AND h.health < %(health_high_risk_below)s::float8 THEN 'high'
         WHEN g.stage = 'at_risk' OR h.health < %(health_medium_risk_below)s::float8 THEN 'medium'
         ELSE 'low' END
"""

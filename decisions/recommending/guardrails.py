"""What must hold before anything is chosen, each by its name. `docs/decisions-engine.md` has them as a table.

A stop leaves nothing to choose; an exclusion takes one candidate away. The first stop that applies is the reason.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from decisions.recommending.rules import Limits
from decisions.recommending.situation import ActionType, Completed, Situation
from integrations.parameters import checking
from retivo.api.json import encode

HOLDOUT, NO_CANDIDATES, BUDGET = "holdout", "no_candidates", "budget"


@dataclass(frozen=True)
class Stop:
    name: str
    detail: str
    applies: Callable[[UUID, Situation], bool]
    for_now: bool = False  # it will pass, or somebody will lift it
    for_all: bool = False  # whoever the user is


@dataclass(frozen=True)
class Exclusion:
    name: str
    detail: str
    applies: Callable[[Situation, ActionType], bool]


def _cooling(situation: Situation, limits: Limits, action_type_id: str | None = None) -> bool:
    if not limits.cooldown:
        return False
    return any(situation.now - at < limits.cooldown for at in _times(situation, action_type_id))


def _capped(situation: Situation, limits: Limits, action_type_id: str | None = None) -> bool:
    if limits.count is None:
        return False
    recent = [at for at in _times(situation, action_type_id) if situation.now - at < limits.period]
    return len(recent) >= limits.count


def _times(situation: Situation, action_type_id: str | None) -> list[datetime]:
    return [given.at for given in situation.given if action_type_id in (None, given.action_type_id)]


_NONE = Limits()


def _limits_of(situation: Situation, action_type: ActionType) -> Limits:
    return situation.rules.by_action.get(action_type.name, _NONE)


def is_held_out(tenant_id: UUID, user_id: str, percent: float) -> bool:
    """The same users for as long as the share does not shrink, and no others if it grows."""
    digest = hashlib.sha256(f"{tenant_id} {user_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < percent / 100 * 2**64


# Reasons of the database's function controls_in_force.
_HELD = {
    "suspended_by_staff": "Retivo's staff suspended the tenant.",
    "partner_suspended": "The partner is suspended.",
    "tenant_suspended": "The partner suspended the tenant.",
    "staff_kill_switch": "Retivo's staff turned the kill switch on.",
    "partner_kill_switch": "The partner's kill switch is on.",
    "kill_switch": "The tenant's kill switch is on.",
}
# Apply beside the choice: it is made and logged, and nothing is sent.
_IN_SHADOW = {
    "staff_shadow_mode": "Nothing is sent in the shadow mode that Retivo's staff turned on.",
    "partner_shadow_mode": "Nothing is sent in the partner's shadow mode.",
    "shadow_mode": "Nothing is sent in shadow mode.",
}


def _held(code: str, detail: str) -> Stop:
    return Stop(code, detail, lambda _, situation: code in situation.held_because, for_now=True, for_all=True)


STOPS: tuple[Stop, ...] = (
    *(_held(code, detail) for code, detail in _HELD.items()),
    Stop("opted_out", "The user has opted out.", lambda _, s: s.opted_out),
    Stop(
        "quiet_hours",
        "It is quiet hours where the user is.",
        lambda _, s: s.rules.is_quiet(s.user["traits"], s.now),
        for_now=True,
    ),
    Stop(
        HOLDOUT,
        "The user is held out, to compare with.",
        lambda tenant_id, s: is_held_out(tenant_id, s.request.user_id, s.rules.holdout_percent),
    ),
    Stop(
        "cooldown",
        "The user was given something too short a time ago.",
        lambda _, s: _cooling(s, s.rules.limits),
        for_now=True,
    ),
    Stop(
        "frequency_cap",
        "The user was given as much as one may be given.",
        lambda _, s: _capped(s, s.rules.limits),
        for_now=True,
    ),
    # Behind all exclusions; see `decisions.recommending.services`.
    Stop(NO_CANDIDATES, "No action type is left to choose from.", lambda *_: False, for_now=True),
)

EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion("action_type_inactive", "The action type is switched off.", lambda _, a: not a.is_active),
    Exclusion("integration_inactive", "Its integration is switched off.", lambda _, a: not a.integration_is_active),
    Exclusion("action_kill_switch", "The partner's kill switch is on for it.", lambda _, a: a.is_killed),
    Exclusion(
        "parameters_incomplete",
        "Its parameters, by its schema's defaults and the context, do not fit its schema.",
        lambda s, a: _completed(a, s).fault not in ("", checking.TOO_COSTLY),
    ),
    Exclusion(
        checking.TOO_COSTLY,
        "Checking its parameters takes too long.",
        lambda s, a: _completed(a, s).fault == checking.TOO_COSTLY,
    ),
    Exclusion(
        "action_cooldown",
        "The user was given this too short a time ago.",
        lambda s, a: _cooling(s, _limits_of(s, a), a.id),
    ),
    Exclusion(
        "action_frequency_cap",
        "The user was given this as often as they may be.",
        lambda s, a: _capped(s, _limits_of(s, a), a.id),
    ),
    Exclusion(
        BUDGET,
        "The month's budget has no room for what it costs.",
        lambda s, a: s.rules.budget_usd is not None and 0 < a.cost_usd > s.rules.budget_usd - s.spent_usd,
    ),
)

DETAILS = {
    **{stop.name: stop.detail for stop in STOPS},
    **{exclusion.name: exclusion.detail for exclusion in EXCLUSIONS},
    **_IN_SHADOW,
}
SHADOW_MODES = frozenset(_IN_SHADOW)

FOR_ALL = frozenset(each.name for each in STOPS if each.for_all)
FOR_NOW = frozenset(each.name for each in STOPS if each.for_now)


def stops(tenant_id: UUID, situation: Situation) -> list[str]:
    """The names of all that apply; the first is the reason."""
    return [stop.name for stop in STOPS if stop.applies(tenant_id, situation)]


def shadow_modes(situation: Situation, chosen: ActionType | None) -> list[str]:
    """The names of those in which nothing is sent, or what was chosen is not."""
    found = [code for code in situation.held_because if code in SHADOW_MODES]
    return found or ["partner_shadow_mode"] if chosen is not None and chosen.is_shadowed else found


def exclusion(situation: Situation, action_type: ActionType) -> str | None:
    """Why this is no candidate, if it is none."""
    return next((each.name for each in EXCLUSIONS if each.applies(situation, action_type)), None)


def parameters(action_type: ActionType, situation: Situation) -> dict[str, Any] | None:
    """The schema's defaults, and what the request's context says instead; None where that does not fit the schema.

    Raises:
        Problem: 503 where it cannot be told now.
    """
    completed = _completed(action_type, situation).parameters
    return None if completed is None else msgspec.json.decode(completed)


def _completed(action_type: ActionType, situation: Situation) -> Completed:
    if (known := situation.completed.get(action_type.id)) is not None:
        return known
    schema = action_type.schema
    given = encode(situation.request.parameters_for(action_type)).decode()
    if len(schema) + len(given) <= _REMEMBERED and checking.is_light(schema, given):
        completed = _remembered(schema, given)
    else:
        completed = _complete(schema, given, owner=situation.tenant_id, allowance=situation.allowance)
    situation.completed[action_type.id] = completed
    return completed


# In characters of a schema and what was given: what is remembered of both is bounded.
_REMEMBERED = 4096


@lru_cache(maxsize=4096)
def _remembered(schema: str, given: str) -> Completed:
    return _complete(schema, given, owner=None, allowance=None)


def _complete(schema: str, given: str, *, owner: object, allowance: checking.Allowance | None) -> Completed:
    """As JSON, so that nobody changes what is remembered."""
    rules = msgspec.json.decode(schema)
    properties = rules.get("properties", {}) if isinstance(rules, dict) else {}
    defaults = {
        name: rule["default"] for name, rule in properties.items() if isinstance(rule, dict) and "default" in rule
    }
    values = defaults | msgspec.json.decode(given)
    if faults := checking.check(schema, values, owner=owner, allowance=allowance):
        return Completed(fault=faults[0]["code"])
    return Completed(encode(values))

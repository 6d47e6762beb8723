"""What to do for a user: guardrails, then a draw from the tenant's model, then a row in the ledger.

Runs in the tenant's context, in its transaction.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import IntegrityError
from psycopg.errors import ForeignKeyViolation

from decisions.recommending import budget, guardrails, situation
from decisions.recommending.situation import ActionType, Request, Row, Situation
from delivery import services as delivery
from learning import services as learning
from learning.model import features, policy
from learning.model.policy import Choice
from learning.model.state import NOTHING, State
from retivo.api.errors import FieldError, Problem, not_found
from retivo.api.json import encode
from retivo.database.cursor import kept_cursor
from retivo.logging import request_id


class Candidate(msgspec.Struct, kw_only=True):
    """Something that could be done, or nothing (`action` is null), and what was known of it."""

    action: str | None
    action_type_id: str | None
    score: float | None = None
    confidence: float | None = None
    propensity: float = 0.0
    excluded_because: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision, before it is written."""

    id: str
    situation: Situation
    known: Mapping[str, float | None]  # the features
    candidates: Sequence[Candidate]
    guardrails: Sequence[str]
    stopped_by: str | None
    chosen: ActionType | None
    parameters: Mapping[str, Any] | None
    confidence: float | None
    propensity: float
    reasoning: str
    version: int
    prior_share: float | None
    action_id: str | None = None
    cost_usd: Decimal | None = None

    @property
    def shadow(self) -> bool:
        return not guardrails.SHADOW_MODES.isdisjoint(self.guardrails)

    @property
    def compared(self) -> bool:
        """Counts for the lift, whatever applies to this user alone: it may apply because they were treated.

        Who opts out because something was sent, or is drawn an action in shadow mode, would be missed among the treated
        and not among those held out.
        """
        return not self.situation.held_because

    @property
    def is_learned_from(self) -> bool:
        """What was done was drawn, or was nothing for the comparison's sake; and it was done, not only thought of."""
        return not self.shadow and self.stopped_by in (None, guardrails.HOLDOUT)


def recommend(
    *, tenant_id: UUID, request: Request, dispatch: bool, dry_run: bool, now: datetime, row: Row | None = None
) -> dict[str, Any]:
    """Decide for a user, and have the action sent if `dispatch`; with `dry_run` nothing is written or sent.

    Args:
        row: the answer to `situation.query`, where it was asked.

    Raises:
        Problem: 404 that names `user_id`, or the first of `action_types` that the tenant has not.
    """
    decided = decide(tenant_id=tenant_id, request=request, now=now, row=row)
    if not dry_run:
        decided = carry_out(tenant_id=tenant_id, decided=decided, dispatch=dispatch)
    return _answer(decided, dry_run=dry_run)


def decide(*, tenant_id: UUID, request: Request, now: datetime, row: Row | None = None) -> Decided:
    """Choose, and write nothing.

    Raises:
        Problem: as `recommend`.
    """
    found = situation.read(tenant_id=tenant_id, request=request, now=now, row=row)
    if found is None:
        raise _no_such_user()
    have = {name for each in found.action_types for name in (each.id, each.name)}
    for index, name in enumerate(request.action_types or ()):
        if name not in have and len(found.action_types) < situation.MAX_CANDIDATES:
            raise _unknown(f"/action_types/{index}", f"There is no action type {name!r} here.")
    decision_id = f"dec_{uuid4().hex}"
    return _decide(tenant_id, decision_id, found, seed=decision_id)


def carry_out(*, tenant_id: UUID, decided: Decided, dispatch: bool, intervention_id: str | None = None) -> Decided:
    """Dispatch what was chosen if `dispatch`, and write the decision. Where the budget is gone by now, choose again."""
    now = decided.situation.now
    if dispatch and not decided.shadow:
        decided = _reserved(tenant_id, decided)
        if decided.chosen is not None:
            action = delivery.dispatch(
                tenant_id=tenant_id,
                user_id=decided.situation.request.user_id,
                action_type_id=decided.chosen.id,
                parameters=dict(decided.parameters or {}),
                decision_id=decided.id,
                now=now,
            )
            decided = replace(decided, action_id=action.id)
    _write(tenant_id, decided, intervention_id)
    tell_exhausted(tenant_id=tenant_id, decided=decided)
    return decided


def tell_exhausted(*, tenant_id: UUID, decided: Decided) -> None:
    """Tell the partner, once a month, that the budget refused an action: as it was read, or as it was to be reserved.

    Not in shadow mode, in which nothing would have been spent.
    """
    found = decided.situation
    budget_usd = found.rules.budget_usd
    if budget_usd is None or found.exhausted_is_told or decided.shadow:
        return
    if any(each.excluded_because == guardrails.BUDGET for each in decided.candidates):
        budget.tell_exhausted(tenant_id=tenant_id, budget_usd=budget_usd, now=found.now)


def draw(*, state: State, known: Mapping[str, float | None], actions: Sequence[tuple[str, str]], seed: str) -> Choice:
    """The choice of `actions` and nothing: the same for the same arguments, always.

    Args:
        actions: pairs of an id and what `reasoning` calls it.
        known: each feature that there is, null where it is not known.
    """
    return policy.choose(
        state=state,
        features={name: value for name, value in known.items() if value is not None},
        names=sorted(known),
        actions=[*(action_id for action_id, _ in actions), NOTHING],
        seed=seed,
        labels={action_id: name.replace("_", " ") for action_id, name in actions},
    )


def _called(action_types: Sequence[ActionType]) -> list[tuple[str, str]]:
    """Each with its name, and its provider where another has the same name."""
    count = Counter(each.name for each in action_types)
    return [
        (each.id, f"{each.name} of {each.provider}" if count[each.name] > 1 else each.name) for each in action_types
    ]


def _decide(tenant_id: UUID, decision_id: str, found: Situation, *, seed: str) -> Decided:
    state = learning.load(tenant_id=tenant_id, newest=found.newest)
    stops = guardrails.stops(tenant_id, found)
    excluded = {each.id: stops[0] if stops else guardrails.exclusion(found, each) for each in found.action_types}
    left = [each for each in found.action_types if excluded[each.id] is None]
    if not left and not stops:
        stops = [guardrails.NO_CANDIDATES]
    of_user = features.of_user(found.user, found.rules.declared, found.now, found.request.context)
    known = {name: of_user.get(name) for name in sorted(found.rules.declared.names)}
    candidates = {each.id: Candidate(action=each.name, action_type_id=each.id) for each in found.action_types}
    for action_id, reason in excluded.items():
        candidates[action_id].excluded_because = reason
    nothing = candidates[NOTHING] = Candidate(action=None, action_type_id=None, propensity=1.0)
    if stops:
        return Decided(
            id=decision_id,
            situation=found,
            known=known,
            candidates=list(candidates.values()),
            guardrails=[*stops, *guardrails.shadow_modes(found, None)],
            stopped_by=stops[0],
            chosen=None,
            parameters=None,
            confidence=None,
            propensity=nothing.propensity,
            reasoning=guardrails.DETAILS[stops[0]],
            version=state.version,
            prior_share=None,
        )
    choice = draw(state=state, known=known, actions=_called(left), seed=seed)
    for index, action in enumerate(choice.actions):
        candidate = candidates[action]
        candidate.score = choice.score[index]
        candidate.confidence = choice.confidence[index]
        candidate.propensity = choice.propensity[index]
    chosen = next((each for each in left if each.id == choice.action), None)
    return Decided(
        id=decision_id,
        situation=found,
        known=known,
        candidates=list(candidates.values()),
        guardrails=guardrails.shadow_modes(found, chosen),
        stopped_by=None,
        chosen=chosen,
        parameters=None if chosen is None else guardrails.parameters(chosen, found),
        confidence=choice.confidence[choice.index],
        propensity=choice.propensity[choice.index],
        reasoning=choice.reasoning,
        version=choice.version,
        prior_share=choice.prior_share[choice.index],
    )


def _reserved(tenant_id: UUID, decided: Decided) -> Decided:
    """With its cost reserved. Another took what was left meanwhile: decide anew by what is left then."""
    for again in count(1):
        if decided.chosen is None or not decided.chosen.cost_usd:
            break
        cost, found = decided.chosen.cost_usd, decided.situation
        if budget.reserve(tenant_id=tenant_id, cost_usd=cost, budget_usd=found.rules.budget_usd, now=found.now):
            return replace(decided, cost_usd=cost)
        assert found.rules.budget_usd is not None  # noqa: S101  # or there had been room
        # What costs as much or more has no room either; what costs less may have.
        spent = max(found.spent_usd, found.rules.budget_usd - cost + _SMALLEST)
        # By a seed of its own: the first draw, known to be of what costs too much, would tilt the second.
        decided = _decide(tenant_id, decided.id, replace(found, spent_usd=spent), seed=f"{decided.id}/{again}")
    return decided


_SMALLEST = Decimal("0.000001")


def _write(tenant_id: UUID, decided: Decided, intervention_id: str | None) -> None:
    found, chosen = decided.situation, decided.chosen
    request = msgspec.to_builtins(found.request)
    del request["user_id"]
    row: dict[str, Any] = {
        "tenant_id": tenant_id,
        "decision_id": decided.id,
        "example_action": (chosen.id if chosen else NOTHING) if decided.is_learned_from else None,
        "user_id": found.request.user_id,
        "created_at": found.now,
        "request": encode(request).decode(),
        "candidates": encode(decided.candidates).decode(),
        "guardrails": encode(decided.guardrails).decode(),
        "stopped_by": decided.stopped_by,
        "action": chosen and chosen.name,
        "action_type_id": chosen and chosen.id,
        "parameters": None if decided.parameters is None else encode(decided.parameters).decode(),
        "confidence": decided.confidence,
        "propensity": decided.propensity,
        "reasoning": decided.reasoning,
        "model_version": decided.version,
        "features": encode(decided.known).decode(),
        "prior_share": decided.prior_share,
        "holdout": guardrails.HOLDOUT in decided.guardrails,
        "shadow": decided.shadow,
        "compared": decided.compared,
        "action_id": decided.action_id,
        "intervention_id": intervention_id,
        "request_id": request_id(),
        "cost_usd": decided.cost_usd,
        "cost_state": None if decided.cost_usd is None else "reserved",
        "closed_at": None if decided.compared else found.now,
    }
    try:
        kept_cursor().execute(_INSERT, row)
    except IntegrityError as error:
        if isinstance(error.__cause__, ForeignKeyViolation):  # an erasure that was under way when we read
            raise _no_such_user() from error
        raise


def _answer(decided: Decided, *, dry_run: bool) -> dict[str, Any]:
    chosen = decided.chosen
    return {
        "decision_id": None if dry_run else decided.id,
        "action": chosen and chosen.name,
        "action_type_id": chosen and chosen.id,
        "parameters": decided.parameters,
        "confidence": decided.confidence,
        "propensity": decided.propensity,
        "reasoning": decided.reasoning,
        "candidates": [
            {
                "action": each.action,
                "action_type_id": each.action_type_id,
                "score": each.score,
                "confidence": each.confidence,
                "probability": each.propensity,
                "excluded_because": each.excluded_because,
            }
            for each in decided.candidates
        ],
        "guardrails": [{"name": name, "detail": guardrails.DETAILS[name]} for name in decided.guardrails],
        "model": {"version": decided.version, "prior_share": decided.prior_share},
        "action_id": decided.action_id,
        "dry_run": dry_run,
    }


def _no_such_user() -> Problem:
    return _unknown("/user_id", "There is no such user.")


def _unknown(pointer: str, detail: str) -> Problem:
    return not_found([FieldError(pointer=pointer, code="not_found", detail=detail)])


_COLUMNS = (
    "tenant_id, user_id, created_at, request, candidates, guardrails, stopped_by, action, action_type_id, parameters,"
    " confidence, propensity, reasoning, model_version, features, prior_share, holdout, shadow, compared, action_id,"
    " intervention_id, request_id, cost_usd, cost_state, closed_at"
)
_JSON = {"request", "candidates", "guardrails", "parameters", "features"}

# One round trip for both.
_INSERT = f"""
    WITH remembered AS ({learning.REMEMBER})
    INSERT INTO decisions_decision (id, {_COLUMNS})
    VALUES (
        %(decision_id)s,
        {", ".join(f"%({name})s{'::jsonb' if name in _JSON else ''}" for name in _COLUMNS.split(", "))}
    )
"""

"""Taking a batch of outcomes, each by itself. In the partner's context."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from rest_framework.exceptions import ValidationError

from delivery.models import OutcomeStatus
from delivery.outcomes import services as outcomes
from delivery.outcomes.services import OfAction
from partners.outcomes.serializers import OutcomeOfActionSerializer
from retivo.api.errors import Problem, as_problem, not_found
from retivo.api.json import decode
from tenants import outbox


class Rejection(TypedDict):
    """Why the outcome at `index` was not taken."""

    index: int
    code: str
    detail: str


class Taken(TypedDict):
    """How many were recorded, how many were not the first of their action, and which were refused."""

    recorded: int
    duplicates: int
    rejected: list[Rejection]


def report(*, actor: str, partner_id: UUID, batch: Sequence[bytes]) -> Taken:
    """Record the outcomes that can be read and are of the partner's integrations; the first of each action counts."""
    taken = Taken(recorded=0, duplicates=0, rejected=[])
    places: dict[str, list[int]] = {}
    first: dict[str, OfAction] = {}
    for index, sent in enumerate(batch):
        try:
            body = OutcomeOfActionSerializer(data=decode(sent))
            body.is_valid(raise_exception=True)
        except (Problem, ValidationError) as error:
            taken["rejected"].append(_rejection(index, error))
        else:
            outcome: OfAction = body.validated_data
            places.setdefault(outcome["action_id"], []).append(index)
            first.setdefault(outcome["action_id"], outcome)
    verdicts = outcomes.record_of_customers(partner_id=partner_id, outcomes=first.values()) if first else {}
    for action_id, indexes in places.items():
        if verdicts[action_id] == "unknown":
            taken["rejected"] += [_rejection(index, not_found()) for index in indexes]
        else:
            recorded = verdicts[action_id] == "recorded"
            taken["recorded"] += recorded
            taken["duplicates"] += len(indexes) - recorded
    taken["rejected"].sort(key=lambda rejection: rejection["index"])
    if taken["recorded"]:
        statuses = Counter(
            first[action_id]["status"] for action_id, verdict in verdicts.items() if verdict == "recorded"
        )
        data = dict.fromkeys(OutcomeStatus.values, 0) | statuses
        outbox.record(actor=actor, action="action.outcome_recorded", tenant_id=partner_id, data=data)
    return taken


def _rejection(index: int, error: Exception) -> Rejection:
    problem = as_problem(error)
    assert problem is not None  # noqa: S101  # for mypy
    code = problem.errors[0]["code"] if problem.errors else problem.code
    return Rejection(index=index, code=code, detail=problem.detail)

"""What OpenAPI says of the ledger: a decorator for each operation of `decisions.ledger.views`."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from decisions.ledger import serializers
from decisions.recommending.schema import CANDIDATE, EXCLUDED, NOTHING, REASONING, RECOMMENDATION
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, NOT_FOUND
from tenants.models import Scope

_OUTCOME = {
    "status": "completed",
    "reported_at": "2026-04-26T10:05:00Z",
    "converted_at": None,
    "conversion": 0.0,
    "reward": 1.0,
}
_DECISION: dict[str, Any] = {
    "id": RECOMMENDATION["decision_id"],
    "user_id": "user-42",
    "created_at": "2026-04-26T10:00:00Z",
    "action": "grant_points",
    "action_type_id": CANDIDATE["action_type_id"],
    "parameters": {"amount": 50},
    "confidence": 0.82,
    "propensity": 0.9,
    "reasoning": REASONING,
    "guardrails": [],
    "stopped_by": None,
    "holdout": False,
    "shadow": False,
    "action_id": RECOMMENDATION["action_id"],
    "intervention_id": None,
    "request_id": "3f0b8a52c1d94e5f8e7a6b5c4d3e2f10",
    "cost_usd": "0.500000",
    "model_version": 12,
    "prior_share": 0.36,
    "outcome": _OUTCOME,
}
_FEATURES = {"activation_score": 0.5, "activity": None, "bias": 1.0, "recency": 2.1}


def _logged(candidate: Mapping[str, Any]) -> dict[str, Any]:
    return {name: candidate[name] for name in candidate if name != "probability"} | {
        "propensity": candidate["probability"]
    }


_DETAIL = _DECISION | {
    "request": {"domain": "loyalty", "provider": None, "action_types": None, "context": {}},
    "candidates": [_logged(CANDIDATE), _logged(EXCLUDED), _logged(NOTHING)],
    "features": _FEATURES,
}
_LINE = {
    "decision_id": _DECISION["id"],
    "user_id": "user-42",
    "created_at": "2026-04-26T10:00:00Z",
    "drawn": True,
    "holdout": False,
    "shadow": False,
    "model_version": 12,
    "features": _FEATURES,
    "actions": [CANDIDATE["action_type_id"], "nothing"],
    "propensities": [0.9, 0.1],
    "action": CANDIDATE["action_type_id"],
    "propensity": 0.9,
    "confidence": 0.82,
    "outcome_status": "completed",
    "conversion": 0.0,
    "reward": 1.0,
    "cursor": "Y29tbWl0dGVkICAyODE0NzQ5NzY3MTEwNTU6IDIwMjYtMDQtMjZUMTA6MDA6"
    "MDArMDA6MDAgZGVjX2MxZjRjN2EyOGE1NTRlMGViNWE4MGY2YzJiN2Q5ZTMw",
}

_ID = OpenApiParameter(
    "decision_id",
    {"type": "string", "pattern": "^dec_[0-9a-f]{32}$"},
    OpenApiParameter.PATH,
    description="A decision's id, `dec_` and 32 hex digits.",
)

list_decisions = operation(
    "listDecisions",
    "List decisions",
    "The ledger, newest first, a page at a time.",
    scope=Scope.USERS_READ,
    tag="Decisions",
    parameters=[serializers.DecisionListQuerySerializer],
    answers=serializers.DecisionListSerializer,
    example={"decisions": [_DECISION], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

get_decision = operation(
    "getDecision",
    "Get a decision",
    "One decision with all that it was made by.",
    scope=Scope.USERS_READ,
    tag="Decisions",
    parameters=[_ID],
    answers=serializers.DecisionResponseSerializer,
    example={"decision": _DETAIL},
    problems=[NOT_FOUND],
)

export_decisions = operation(
    "exportDecisions",
    "Export decisions",
    "All decisions of a time, a line of JSON each, with what off-policy evaluation needs, oldest first. The answer is "
    "streamed. If it breaks off, or to ask for what is new, go on with the last line's `cursor`: you get each decision "
    "once, also those that were being made while you read. With the last `created_at` as `since` you would miss those "
    "that began earlier and were committed later.",
    scope=Scope.USERS_READ,
    tag="Decisions",
    parameters=[serializers.ExportQuerySerializer],
    media_type="application/x-ndjson",
    answers=serializers.ExportedDecisionSerializer,
    example=_LINE,
    problems=[INVALID_QUERY],
)

"""What OpenAPI says of decisions: a decorator for each operation of `decisions.views`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from decisions import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND

_CANDIDATE = {
    "action": "grant_points",
    "action_type_id": "at_5d2c8a1e1f0b4a8e8d439a0f7c6b5e12",
    "score": 0.41,
    "confidence": 0.82,
    "probability": 0.9,
    "excluded_because": None,
}
_NOTHING = {
    "action": None,
    "action_type_id": None,
    "score": 0.2,
    "confidence": 0.18,
    "probability": 0.1,
    "excluded_because": None,
}
_EXCLUDED = {
    "action": "send_voucher",
    "action_type_id": "at_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "score": None,
    "confidence": None,
    "probability": 0.0,
    "excluded_because": "action_cooldown",
}
_REASONING = "Grant points rather than nothing: for it, the time since the last activity is high. 64 % of this …"
_RECOMMENDATION: dict[str, Any] = {
    "decision_id": "dec_c1f4c7a28a554e0eb5a80f6c2b7d9e30",
    "action": "grant_points",
    "action_type_id": _CANDIDATE["action_type_id"],
    "parameters": {"amount": 50},
    "confidence": 0.82,
    "propensity": 0.9,
    "reasoning": _REASONING,
    "candidates": [_CANDIDATE, _EXCLUDED, _NOTHING],
    "guardrails": [],
    "model": {"version": 12, "prior_share": 0.36},
    "action_id": "ea_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "dry_run": False,
}
_OUTCOME = {
    "status": "completed",
    "reported_at": "2026-04-26T10:05:00Z",
    "converted_at": None,
    "conversion": 0.0,
    "reward": 1.0,
}
_DECISION: dict[str, Any] = {
    "id": _RECOMMENDATION["decision_id"],
    "user_id": "user-42",
    "created_at": "2026-04-26T10:00:00Z",
    "action": "grant_points",
    "action_type_id": _CANDIDATE["action_type_id"],
    "parameters": {"amount": 50},
    "confidence": 0.82,
    "propensity": 0.9,
    "reasoning": _REASONING,
    "guardrails": [],
    "stopped_by": None,
    "holdout": False,
    "shadow": False,
    "action_id": _RECOMMENDATION["action_id"],
    "intervention_id": None,
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
    "candidates": [_logged(_CANDIDATE), _logged(_EXCLUDED), _logged(_NOTHING)],
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
    "actions": [_CANDIDATE["action_type_id"], "nothing"],
    "propensities": [0.9, 0.1],
    "action": _CANDIDATE["action_type_id"],
    "propensity": 0.9,
    "confidence": 0.82,
    "outcome_status": "completed",
    "conversion": 0.0,
    "reward": 1.0,
}
_LIFT = {
    "days": 30,
    "conversion_event": "purchase_completed",
    "treated": {"users": 9000, "converted": 1080, "rate": 0.12, "low": 0.1134, "high": 0.1269},
    "holdout": {"users": 1000, "converted": 100, "rate": 0.1, "low": 0.0829, "high": 0.1202},
    "difference": {"value": 0.02, "low": -0.0012, "high": 0.0385},
}

_ID = OpenApiParameter(
    "decision_id",
    {"type": "string", "pattern": "^dec_[0-9a-f]{32}$"},
    OpenApiParameter.PATH,
    description="A decision's id, `dec_` and 32 hex digits.",
)


_operation = partial(operation, tag="Decisions")

recommend = _operation(
    "recommend",
    "Recommend an action for a user",
    "Guardrails first: each that applies is named. Then one of the action types that are left, or nothing, is drawn "
    "from your model. `action: null` is a real answer. Whatever is answered stands in the ledger, except in a dry run. "
    "A user or an action type that is not there is 404, and `errors` says which.",
    takes=serializers.RecommendRequestSerializer,
    requests={
        "Required fields": {"user_id": "user-42"},
        "All fields": {
            "user_id": "user-42",
            "domain": "loyalty",
            "provider": "acme-loyalty",
            "action_types": ["grant_points"],
            "context": {"page": "checkout", "cart_value": 40, "parameters": {"grant_points": {"amount": 50}}},
            "dispatch": True,
            "dry_run": False,
        },
    },
    answers=serializers.RecommendationSerializer,
    example=_RECOMMENDATION,
    problems=[NOT_FOUND, KEY_IN_USE],
)

list_decisions = _operation(
    "listDecisions",
    "List decisions",
    "The ledger, newest first, a page at a time.",
    parameters=[serializers.DecisionListQuerySerializer],
    answers=serializers.DecisionListSerializer,
    example={"decisions": [_DECISION], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

get_decision = _operation(
    "getDecision",
    "Get a decision",
    "One decision with all that it was made by.",
    parameters=[_ID],
    answers=serializers.DecisionResponseSerializer,
    example={"decision": _DETAIL},
    problems=[NOT_FOUND],
)

export_decisions = _operation(
    "exportDecisions",
    "Export decisions",
    "All decisions of a time, oldest first, a line of JSON each, with what off-policy evaluation needs. The answer is "
    "streamed; if it breaks off, go on with the last line's `created_at` as `since`.",
    parameters=[serializers.ExportQuerySerializer],
    media_type="application/x-ndjson",
    answers=serializers.ExportedDecisionSerializer,
    example=_LINE,
    problems=[INVALID_QUERY],
)

get_lift = _operation(
    "getLift",
    "Get the lift",
    "How many of the users convert that may be given something, how many of those held out (`config.holdout_percent`), "
    "and the difference, with 95 % intervals. Each user counts once, by the first decision of the time.",
    tag="Analytics",
    parameters=[serializers.LiftQuerySerializer],
    answers=serializers.LiftResponseSerializer,
    example={"lift": _LIFT},
    problems=[INVALID_QUERY],
)

"""What OpenAPI says of recommendations."""

from typing import Any

from decisions.recommending import serializers
from retivo.api.operation import operation
from retivo.api.schema import KEY_IN_USE, NOT_FOUND
from tenants.models import Scope

CANDIDATE = {
    "action": "grant_points",
    "action_type_id": "at_5d2c8a1e1f0b4a8e8d439a0f7c6b5e12",
    "score": 0.41,
    "confidence": 0.82,
    "probability": 0.9,
    "excluded_because": None,
}
NOTHING = {
    "action": None,
    "action_type_id": None,
    "score": 0.2,
    "confidence": 0.18,
    "probability": 0.1,
    "excluded_because": None,
}
EXCLUDED = {
    "action": "send_voucher",
    "action_type_id": "at_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "score": None,
    "confidence": None,
    "probability": 0.0,
    "excluded_because": "action_cooldown",
}
REASONING = "Grant points rather than nothing: for it, the time since the last activity is high. 64 % of this …"
RECOMMENDATION: dict[str, Any] = {
    "decision_id": "dec_c1f4c7a28a554e0eb5a80f6c2b7d9e30",
    "action": "grant_points",
    "action_type_id": CANDIDATE["action_type_id"],
    "parameters": {"amount": 50},
    "confidence": 0.82,
    "propensity": 0.9,
    "reasoning": REASONING,
    "candidates": [CANDIDATE, EXCLUDED, NOTHING],
    "guardrails": [],
    "model": {"version": 12, "prior_share": 0.36},
    "action_id": "ea_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "dry_run": False,
}

recommend = operation(
    "recommend",
    "Recommend an action for a user",
    "Guardrails first: each that applies is named. Then one of the action types that are left, or nothing, is drawn "
    "from your model. `action: null` is a real answer. Whatever is answered stands in the ledger, except in a dry run. "
    "A user or an action type that is not there is 404, and `errors` says which.",
    scope=Scope.DECISIONS_WRITE,
    tag="Decisions",
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
    example=RECOMMENDATION,
    problems=[NOT_FOUND, KEY_IN_USE],
)

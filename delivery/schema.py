"""What OpenAPI says of actions: a decorator for each operation of `delivery.views`."""

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from delivery import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, NOT_FOUND, conflict
from tenants.models import Scope

_ACTION: dict[str, Any] = {
    "id": "ea_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "status": "completed",
    "action_type": "grant_points",
    "action_type_id": "at_5d2c8a1e1f0b4a8e8d439a0f7c6b5e12",
    "provider": "acme-loyalty",
    "domain": "loyalty",
    "user_id": "user-42",
    "decision_id": "dec_c1f4c7a28a554e0eb5a80f6c2b7d9e30",
    "request_id": "3f0b8a52c1d94e5f8e7a6b5c4d3e2f10",
    "parameters": {"amount": 50},
    "attempts": 1,
    "due_at": None,
    "failure_reason": None,
    "created_at": "2026-04-26T10:00:00Z",
    "expires_at": "2026-04-29T10:00:00Z",
    "delivered_at": "2026-04-26T10:00:01Z",
    "outcome": {
        "status": "completed",
        "result": {"balance": 150},
        "reported_at": "2026-04-26T10:05:00Z",
        "reported_by": "outcome_url",
    },
}
_ATTEMPT = {
    "number": 1,
    "started_at": "2026-04-26T10:00:00Z",
    "latency_ms": 84,
    "status_code": 200,
    "error": None,
    "response": "ok",
    "outcome_refusal": None,
}
_REPLAYED = _ACTION | {
    "status": "pending",
    "attempts": 8,
    "due_at": "2026-04-27T18:00:00Z",
    "delivered_at": None,
    "outcome": None,
}

_ID = OpenApiParameter(
    "action_id",
    {"type": "string", "pattern": "^ea_[0-9a-f]{32}$"},
    OpenApiParameter.PATH,
    description="An action's id, `ea_` and 32 hex digits.",
)


_operation = partial(operation, tag="Actions", parameters=[_ID])

list_actions = _operation(
    "listActions",
    "List actions",
    "Your actions, newest first, to reconcile them with what your receivers have: a page of `limit`, with "
    "`next_cursor` for the next.",
    scope=Scope.USERS_READ,
    parameters=[serializers.ActionListQuerySerializer],
    answers=serializers.ActionListSerializer,
    example={"actions": [_ACTION], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

get_action = _operation(
    "getAction",
    "Get an action",
    "One action with its delivery attempts.",
    scope=Scope.USERS_READ,
    answers=serializers.ActionDetailResponseSerializer,
    example={"action": {**_ACTION, "delivery_attempts": [_ATTEMPT]}},
    problems=[NOT_FOUND],
)

report_outcome = _operation(
    "reportOutcome",
    "Report an action's outcome",
    "What came of an action that was sent, for the model to learn from. Reported once: a second report is refused.",
    scope=Scope.OUTCOMES_WRITE,
    takes=serializers.OutcomeRequestSerializer,
    requests={
        "Completed": {"status": "completed", "result": {"balance": 150}},
        "Ignored": {"status": "ignored"},
    },
    answers=serializers.OutcomeResponseSerializer,
    example={"recorded": True, "action_id": _ACTION["id"], "outcome_status": "completed"},
    problems=[
        NOT_FOUND,
        conflict(
            "outcome_recorded",
            "The outcome `completed` is recorded already.",
            action_not_sent="This action has not been sent yet.",
        ),
    ],
)

replay_action = _operation(
    "replayAction",
    "Replay a failed action",
    "Sends a failed action again, under the same id and with the whole schedule of retries before it.",
    scope=Scope.DECISIONS_WRITE,
    takes=serializers.NothingSerializer,
    requests={"Nothing": {}},
    answers=serializers.ReplayResponseSerializer,
    example={"action": _REPLAYED},
    problems=[
        NOT_FOUND,
        conflict(
            "action_not_failed",
            "Only a failed action is replayed; this one is delivered.",
            action_expired="This action has expired and will no longer be sent.",
        ),
    ],
)

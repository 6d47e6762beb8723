"""What OpenAPI says of taking events in."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest

from events.ingestion.serializers import BatchOutcomeSerializer, ExternalBatchSerializer, TrackBatchSerializer
from retivo.api.operation import Decorator, described
from retivo.api.schema import KEY_IN_USE, NO_FULL_ACCESS, Problems, Success
from tenants.models import Scope

_EVENT: dict[str, Any] = {
    "user_id": "user-42",
    "event": "purchase_completed",
    "properties": {"value": 19.9},
    "timestamp": "2026-04-26T10:00:00Z",
    "idempotency_key": "order-4711",
}

_MALFORMED = Problems(
    "MalformedBatch",
    400,
    {
        "malformed_batch": "The body is not a batch of events: Object missing required field `events`.",
        "invalid_idempotency_key": "Idempotency-Key takes 1 to 255 printable ASCII characters without spaces.",
    },
)
_TOO_LARGE = Problems(
    "BatchTooLarge",
    413,
    {
        "batch_too_large": "A batch holds at most 100 events; this one has 101.",
        "body_too_large": "The body may be at most 1 MiB.",
    },
)


def _takes_events(operation_id: str, summary: str, description: str, batch: type, example: dict[str, Any]) -> Decorator:
    decorator: Decorator = described(
        scope=Scope.EVENTS_WRITE,
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=["Events"],
        request=OpenApiRequest(batch, examples=[OpenApiExample("A batch", example)]),
        responses={
            200: Success(BatchOutcomeSerializer, 200, {"accepted": 1, "duplicates": 0, "rejected": []}),
            **{found.status: found for found in (_MALFORMED, NO_FULL_ACCESS, KEY_IN_USE, _TOO_LARGE)},
        },
    )
    return decorator


track = _takes_events(
    "track",
    "Track events",
    "Up to 100 events of your users. Each is taken or refused by itself, and the answer comes once they are stored. "
    "An event whose `idempotency_key` was seen in the last 48 hours is dropped as a duplicate. `$identify` merges its "
    "properties into the user's traits.",
    TrackBatchSerializer,
    {"events": [_EVENT]},
)

external_events = _takes_events(
    "pushExternalEvents",
    "Push events of an external system",
    "The same for another system that knows your users; of the event mappings only those of `provider` apply.",
    ExternalBatchSerializer,
    {"provider": "acme-loyalty", "events": [_EVENT]},
)

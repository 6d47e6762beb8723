"""What OpenAPI says of every connector; a vendor's `schema` adds its examples."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest

from events.connectors.shared.reading import BATCH, MAX_ITEMS
from retivo.api.operation import Decorator, described
from retivo.api.schema import KEY_IN_USE, NO_FULL_ACCESS, NOT_FOUND, Problems, Success
from tenants.models import Scope

_ITEMS: dict[str, Any] = {"type": "array", "maxItems": MAX_ITEMS, "items": {}}


def _sent(batch_member: str) -> dict[str, Any]:
    """What is in a message is the vendor's to say; one that is not taken is listed in the answer."""
    return {
        "anyOf": [
            {"title": "Message", "type": "object", "properties": {batch_member: _ITEMS}, "additionalProperties": True},
            {"title": "Messages", **_ITEMS},
        ]
    }


_TOO_LARGE = Problems(
    "ConnectorBatchTooLarge",
    413,
    {
        "batch_too_large": f"A batch holds at most {MAX_ITEMS} events; this one has {MAX_ITEMS + 1}.",
        "body_too_large": "The body may be at most 1 MiB.",
    },
)

MALFORMED = Problems(
    "MalformedConnectorBatch",
    400,
    {
        "malformed_batch": "The body is not a batch of events: `batch` is not an array.",
        "bad_request": "The body's gzip stream is broken.",
        "invalid_idempotency_key": "Idempotency-Key takes 1 to 255 printable ASCII characters without spaces.",
    },
)

BASIC = "The key may also be user name or password of HTTP Basic"

_TRACKED = {"accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}


def takes(
    operation_id: str,
    summary: str,
    description: str,
    *,
    outcome: type,
    answer: Mapping[str, Any],
    example: Any,
    parameter: OpenApiParameter | None = None,
    batch_member: str = BATCH,
) -> Decorator:
    problems: Sequence[Problems] = (MALFORMED, NO_FULL_ACCESS, KEY_IN_USE, _TOO_LARGE)
    if parameter is not None:
        problems = (*problems, NOT_FOUND)
    decorator: Decorator = described(
        scope=Scope.EVENTS_WRITE,
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=["Connectors"],
        parameters=[parameter] if parameter else None,
        request=OpenApiRequest(_sent(batch_member), examples=[OpenApiExample("As the SDK sends it", example)]),
        responses={200: Success(outcome, 200, {**answer, **_TRACKED}), **{found.status: found for found in problems}},
    )
    return decorator


def one_of(name: str, values: Sequence[str]) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, enum=list(values))

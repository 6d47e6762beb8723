"""What OpenAPI says of the connectors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema

from events.connectors import mixpanel as mixpanel_
from events.connectors import segment as segment_
from events.connectors.reading import MAX_ITEMS
from events.connectors.serializers import (
    MixpanelEndpointOutcomeSerializer,
    MixpanelOutcomeSerializer,
    PostHogAnalyticsOutcomeSerializer,
    PostHogOutcomeSerializer,
    SegmentOutcomeSerializer,
)
from retivo.api.schema import KEY_IN_USE, NO_FULL_ACCESS, NOT_FOUND, Problems, Success

F = TypeVar("F", bound=Callable[..., Any])

_ITEMS: dict[str, Any] = {"type": "array", "maxItems": MAX_ITEMS, "items": {}}

# What is in a message is the vendor's to say; one that is not taken is listed in the answer.
_SENT: dict[str, Any] = {
    "anyOf": [
        {"title": "Message", "type": "object", "properties": {"batch": _ITEMS}, "additionalProperties": True},
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
_MALFORMED = Problems(
    "MalformedConnectorBatch",
    400,
    {
        "malformed_batch": "The body is not a batch of events: `batch` is not an array.",
        "bad_request": "The body's gzip stream is broken.",
        "invalid_idempotency_key": "Idempotency-Key takes 1 to 255 printable ASCII characters without spaces.",
    },
)

_TRACKED = {"accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}


def _takes(
    operation_id: str,
    summary: str,
    description: str,
    *,
    outcome: type,
    answer: Mapping[str, Any],
    example: Any,
    parameter: OpenApiParameter | None = None,
) -> Callable[[F], F]:
    problems: Sequence[Problems] = (_MALFORMED, NO_FULL_ACCESS, KEY_IN_USE, _TOO_LARGE)
    if parameter is not None:
        problems = (*problems, NOT_FOUND)
    decorator: Callable[[F], F] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=["Connectors"],
        parameters=[parameter] if parameter else None,
        request=OpenApiRequest(_SENT, examples=[OpenApiExample("As the SDK sends it", example)]),
        responses={200: Success(outcome, 200, {**answer, **_TRACKED}), **{found.status: found for found in problems}},
    )
    return decorator


def _one_of(name: str, values: Sequence[str]) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, enum=list(values))


_BASIC = "The key may also be user name or password of HTTP Basic"

_SEGMENT_MESSAGE = {
    "type": "track",
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "userId": "user-42",
    "event": "purchase_completed",
    "properties": {"value": 19.9},
    "timestamp": "2026-04-26T10:00:00Z",
}
_SEGMENT = f"{_BASIC}, or `writeKey` in the body. See docs/connectors.md for what becomes of which message."

segment = _takes(
    "segmentWebhook",
    "Take messages from Segment",
    f"What a webhook destination sends: one message, or several in `batch`. {_SEGMENT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example=_SEGMENT_MESSAGE,
)
segment_batch = _takes(
    "segmentBatch",
    "Take a batch from Segment's SDKs",
    f"What the SDKs send whose host is `…/api/connectors/segment`. {_SEGMENT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example={"batch": [_SEGMENT_MESSAGE], "sentAt": "2026-04-26T10:00:01Z"},
)
segment_message = _takes(
    "segmentMessage",
    "Take a message as Segment's HTTP API does",
    f"The same for one message whose type the path names. {_SEGMENT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example={"userId": "user-42", "traits": {"email": "ada@example.com"}},
    parameter=_one_of("kind", segment_.KINDS),
)

_POSTHOG_EVENT = {
    "event": "purchase_completed",
    "distinct_id": "user-42",
    "uuid": "0196b0d4-4b0a-7c3e-8f5a-2f1f5d2a7c11",
    "properties": {"value": 19.9, "$set": {"plan": "pro"}},
    "timestamp": "2026-04-26T10:00:00Z",
}
_POSTHOG = (
    f"{_BASIC}, or `api_key` in the body. `$identify`, `$set` and `$set_once` become traits, `$pageview` becomes "
    "`page_viewed`, other events whose names begin with `$` are skipped."
)

posthog = _takes(
    "posthogWebhook",
    "Take events from PostHog",
    f"What a webhook destination sends: one event, or several in `batch`. {_POSTHOG}",
    outcome=PostHogOutcomeSerializer,
    answer={"status": 1},
    example={"event": _POSTHOG_EVENT, "person": {"id": "0196b0d4", "properties": {}}},
)
posthog_capture = _takes(
    "posthogBatch",
    "Take a batch from PostHog's SDKs",
    "What the SDKs send whose host is `…/api/connectors/posthog`. The same is taken at `capture`, `e`, `i/v0/e` and "
    f"`i/v0/ai/batch`. {_POSTHOG}",
    outcome=PostHogOutcomeSerializer,
    answer={"status": 1},
    example={"batch": [_POSTHOG_EVENT], "sent_at": "2026-04-26T10:00:01Z"},
)
posthog_analytics = _takes(
    "posthogAnalytics",
    "Take a batch from PostHog's SDKs in capture mode v1",
    f"The same, with an answer for each event that was rejected. {_POSTHOG}",
    outcome=PostHogAnalyticsOutcomeSerializer,
    answer={"status": 1, "results": {}},
    example={"batch": [_POSTHOG_EVENT], "created_at": "2026-04-26T10:00:01Z"},
)

_MIXPANEL_EVENT = {
    "event": "purchase_completed",
    "properties": {
        "distinct_id": "user-42",
        "time": 1777197600,
        "$insert_id": "5d958f87-542d-4c10-9422-0ed75893dc81",
        "value": 19.9,
    },
}
_MIXPANEL = (
    f"{_BASIC}, or `token` in an event's properties. A form whose field `data` is the JSON, in base64 or not, is taken "
    "as well, and answered with a bare `1` unless `verbose=1`; so are lines of JSON as application/x-ndjson."
)

# What the SDK for Node sends of a single event. An answer of more than a digit is a failure to it.
mixpanel_query: Callable[[F], F] = extend_schema(
    operation_id="mixpanelQuery",
    summary="Take a single message from Mixpanel's SDK for Node",
    description=(
        "The same in a query, as that SDK sends what is not in a batch: 1 for taken, 0 for rejected, and with "
        "`verbose=1` what a POST answers. The key is in the query, too, so see to it that nobody logs it."
    ),
    tags=["Connectors"],
    parameters=[
        _one_of("endpoint", mixpanel_.KINDS),
        OpenApiParameter(
            "data",
            {"type": "string", "format": "mixpanel-data"},
            OpenApiParameter.QUERY,
            required=True,
            description="The JSON, in base64.",
            examples=[OpenApiExample("An event", "eyJldmVudCI6ImUiLCJwcm9wZXJ0aWVzIjp7ImRpc3RpbmN0X2lkIjoidSJ9fQ==")],
        ),
    ],
    responses={
        200: OpenApiResponse({"type": "integer", "enum": [0, 1]}, "OK", [OpenApiExample("Success", 1)]),
        400: Problems("MalformedQuery", 400, {"malformed_batch": _MALFORMED.examples["malformed_batch"]}),
        403: NO_FULL_ACCESS,
        404: NOT_FOUND,
    },
)

mixpanel = _takes(
    "mixpanelEvents",
    "Take events from Mixpanel",
    f"One event or an array of them. {_MIXPANEL}",
    outcome=MixpanelOutcomeSerializer,
    answer={"status": 1, "error": None},
    example=_MIXPANEL_EVENT,
)
mixpanel_endpoint = _takes(
    "mixpanelEndpoint",
    "Take what Mixpanel's SDKs send",
    "What the SDKs send whose host is `…/api/connectors/mixpanel`: events, profile updates, whose `$set` and "
    f"`$set_once` become traits, and groups, which are skipped. {_MIXPANEL}",
    outcome=MixpanelEndpointOutcomeSerializer,
    answer={"status": 1, "error": None},
    example=[_MIXPANEL_EVENT],
    parameter=_one_of("endpoint", mixpanel_.KINDS),
)

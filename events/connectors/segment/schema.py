"""What OpenAPI says of Segment's endpoints."""

from events.connectors.segment import translation
from events.connectors.segment.serializers import SegmentOutcomeSerializer
from events.connectors.shared.schema import BASIC, one_of, takes

_MESSAGE = {
    "type": "track",
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "userId": "user-42",
    "event": "purchase_completed",
    "properties": {"value": 19.9},
    "timestamp": "2026-04-26T10:00:00Z",
}

_ABOUT = f"{BASIC}, or `writeKey` in the body. See docs/connectors.md for what becomes of which message."

webhook = takes(
    "segmentWebhook",
    "Take messages from Segment",
    f"What a webhook destination sends: one message, or several in `batch`. {_ABOUT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example=_MESSAGE,
)

batch = takes(
    "segmentBatch",
    "Take a batch from Segment's SDKs",
    f"What the SDKs send whose host is `…/api/connectors/segment`. {_ABOUT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example={"batch": [_MESSAGE], "sentAt": "2026-04-26T10:00:01Z"},
)

message = takes(
    "segmentMessage",
    "Take a message as Segment's HTTP API does",
    f"The same for one message whose type the path names. {_ABOUT}",
    outcome=SegmentOutcomeSerializer,
    answer={"success": True},
    example={"userId": "user-42", "traits": {"email": "ada@example.com"}},
    parameter=one_of("kind", translation.KINDS),
)

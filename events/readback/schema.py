"""What OpenAPI says of reading back what became of events."""

from events.readback import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, REQUEST_ID
from tenants.models import Scope

_STORED = {
    "user_id": "user-42",
    "event": "purchase_completed",
    "original_event": "order.completed",
    "source": "track",
    "timestamp": "2026-04-26T10:00:00Z",
    "received_at": "2026-04-26T10:00:01Z",
    "properties": {"value": 19.9},
}
_REJECTED = {
    "rejected_at": "2026-04-26T10:00:01Z",
    "source": "segment",
    "request_id": REQUEST_ID,
    "index": 3,
    "code": "invalid_timestamp",
    "field": "timestamp",
    "detail": "Must lie between 1970 and 24 hours from now.",
    "user_id": "user-42",
    "event": "purchase_completed",
}

list_events = operation(
    "listEvents",
    "List events",
    "Your events as they are stored, those received last first, for as long as your plan keeps them. A page of "
    "`limit`, 50 by default, and `next_cursor` for the next. Filters hold together.",
    scope=Scope.USERS_READ,
    tag="Events",
    parameters=[serializers.EventListQuerySerializer],
    answers=serializers.EventListSerializer,
    example={"events": [_STORED], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

list_rejected_events = operation(
    "listRejectedEvents",
    "List rejected events",
    "Events that were rejected in the last seven days, newest first: by which rule, for which field, and how they "
    "came. The first 20 of each rule and source are recorded in an hour, and about 100 in all. Of the event itself "
    "only its user's id and its name are kept.",
    scope=Scope.USERS_READ,
    tag="Events",
    parameters=[serializers.RejectionListQuerySerializer],
    answers=serializers.RejectionListSerializer,
    example={"rejected": [_REJECTED], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

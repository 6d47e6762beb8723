"""What OpenAPI says of a partner's events."""

from partners.events import serializers
from partners.operation import CUSTOMER, EVENTS, partner_operation
from retivo.api.schema import INVALID_QUERY, Problems
from tenants import catalogue, feed
from tenants.models import Scope

EVENT_GONE = Problems(
    "EventGone",
    410,
    {
        "event_gone": f"There is no such event in your feed, which keeps {feed.DAYS_KEPT} days. "
        "Start again without `after`."
    },
)

EVENT = {
    "id": "evt_5m2c8r0d7k1xq3f9",
    "seq": 4182,
    "type": "customer.updated",
    "version": 1,
    "created_at": "2026-12-02T10:00:00.123456Z",
    "customer": {"tenant_id": CUSTOMER["tenant_id"], "external_id": "shop-4711"},
    "actor": {"type": "api_key", "id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30"},
    "request_id": "01JE2Z6YV8W3T4",
    "data": {"changed": ["plan_tier"]},
    "previous": {"plan_tier": "growth"},
}

list_events = partner_operation(
    "listPartnerEvents",
    "Read the feed of events",
    f"What happened to you and your customers in the last {feed.DAYS_KEPT} days, in the order in which it happened and "
    "without gaps: "
    "whoever goes on from an event has missed none before it. Send `next_after` as `after` to go on, at once while "
    "`next_cursor` is not null. No event tells anything of an end user.",
    scope=Scope.PARTNER_READ,
    tag=EVENTS,
    parameters=[serializers.EventListQuerySerializer],
    answers=serializers.PartnerEventListSerializer,
    example={"events": [EVENT], "next_cursor": None, "next_after": EVENT["id"]},
    problems=[INVALID_QUERY, EVENT_GONE],
)

_TYPE = "customer.suspended"
_SHOWN = catalogue.EVENTS[_TYPE]

list_event_types = partner_operation(
    "listPartnerEventTypes",
    "List the types of events",
    "The catalogue: each type of events with its version, and what its `data` holds as JSON Schema, with an example.",
    scope=Scope.PARTNER_READ,
    tag=EVENTS,
    answers=serializers.EventTypeListSerializer,
    example={
        "event_types": [
            {
                "name": _TYPE,
                "version": _SHOWN.version,
                "description": _SHOWN.description,
                "since": _SHOWN.since,
                "schema": dict(_SHOWN.data),
                "example": dict(_SHOWN.example),
            }
        ],
        "total": len(catalogue.EVENTS),
        "next_cursor": None,
    },
)

"""What OpenAPI says of a partner's webhooks."""

from integrations.serializers import RotatedSecretSerializer, RotateSecretRequestSerializer
from partners.events.schema import EVENT, EVENT_GONE
from partners.operation import EVENTS, FORBIDDEN, partner_operation
from partners.webhooks import serializers
from retivo.api.pagination import PageQuerySerializer
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, Problems, conflict
from tenants.models import Scope

_WEBHOOK = {
    "id": "wh_2k9d4x7m1q0b5t8c",
    "url": "https://acme.example/retivo-events",
    "types": ["customer.created", "customer.suspended"],
    "description": "Billing",
    "active": True,
    "disabled_at": None,
    "created_at": "2026-11-02T09:00:00Z",
    "updated_at": "2026-11-02T09:00:00Z",
}
_REPLAY = {
    "id": "rp_7f3kq29x0b1m4d6s",
    "status": "running",
    "events": 0,
    "created_at": "2026-11-02T10:00:00Z",
    "completed_at": None,
}
_SECRET = "0123456789abcdef" * 4
_INACTIVE = "This webhook is off: set `active` to true first."

_LIMIT = Problems(
    "WebhookLimitReached",
    403,
    {**FORBIDDEN.examples, "webhook_limit_reached": "A partner has 20 webhooks at most."},
)

list_webhooks = partner_operation(
    "listWebhooks",
    "List webhooks",
    "Your webhooks, oldest first.",
    scope=Scope.PARTNER_READ,
    tag=EVENTS,
    parameters=[PageQuerySerializer],
    answers=serializers.WebhookListSerializer,
    example={"webhooks": [_WEBHOOK], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

create_webhook = partner_operation(
    "createWebhook",
    "Create a webhook",
    "Your events are sent there from now on, each signed, and with retries until it is delivered. Past events are sent "
    "when you replay them. `webhook_secret` is in this answer and nowhere else.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    takes=serializers.WebhookRequestSerializer,
    requests={
        "All events": {"url": _WEBHOOK["url"]},
        "Some types": {name: _WEBHOOK[name] for name in ("url", "types", "description")},
    },
    status=201,
    answers=serializers.MadeWebhookResponseSerializer,
    example={"webhook": {**_WEBHOOK, "webhook_secret": _SECRET}},
    problems=[KEY_IN_USE],
    links=[Link("getWebhook", "webhookId", "/webhook/id")],
    forbidden=_LIMIT,
)

get_webhook = partner_operation(
    "getWebhook",
    "Get a webhook",
    "One of your webhooks, with its newest replay.",
    scope=Scope.PARTNER_READ,
    tag=EVENTS,
    answers=serializers.WebhookDetailResponseSerializer,
    example={"webhook": {**_WEBHOOK, "replay": _REPLAY}},
    problems=[NOT_FOUND],
)

change_webhook = partner_operation(
    "changeWebhook",
    "Change a webhook",
    "Changes what is sent of a webhook. One that is switched on again gets what waited for it when it was switched "
    "off, and the events from now on; those of the time between are sent when you replay them.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    takes=serializers.WebhookChangeSerializer,
    requests={"Other types": {"types": "*"}, "Off": {"active": False}},
    answers=serializers.WebhookResponseSerializer,
    example={"webhook": _WEBHOOK},
    problems=[NOT_FOUND],
)

delete_webhook = partner_operation(
    "deleteWebhook",
    "Delete a webhook",
    "Nothing is sent to it from now on.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    answers=serializers.DeletedSerializer,
    example={"deleted": True},
    problems=[NOT_FOUND],
)

rotate_secret = partner_operation(
    "rotateWebhookSecret",
    "Rotate a webhook's secret",
    "Makes a new secret, which is in this answer and nowhere else. For 24 hours, or as many as you say, requests are "
    "signed with the one before it as well.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    takes=RotateSecretRequestSerializer,
    requests={"With the usual overlap": {}, "At once": {"overlap_hours": 0}},
    answers=RotatedSecretSerializer,
    example={"webhook_secret": _SECRET, "previous_secret_until": "2026-11-03T10:00:00Z"},
    problems=[NOT_FOUND, KEY_IN_USE],
)

test_webhook = partner_operation(
    "testWebhook",
    "Test a webhook",
    "Sends an event `webhook.tested` to this webhook alone, whatever its types. Its attempts show what it answered.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    takes=serializers.TestRequestSerializer,
    requests={"A test": {}},
    status=202,
    answers=serializers.TestResponseSerializer,
    example={"event_id": EVENT["id"]},
    problems=[NOT_FOUND, conflict("webhook_inactive", _INACTIVE)],
)

list_attempts = partner_operation(
    "listWebhookAttempts",
    "List the attempts of a webhook",
    "Each request that was made to a webhook in the last 90 days, newest first, and what it answered.",
    scope=Scope.PARTNER_READ,
    tag=EVENTS,
    parameters=[PageQuerySerializer],
    answers=serializers.AttemptListSerializer,
    example={
        "attempts": [
            {
                "event_id": EVENT["id"],
                "number": 1,
                "started_at": "2026-11-02T10:00:01Z",
                "latency_ms": 84,
                "status_code": 200,
                "error": None,
                "response": "ok",
            }
        ],
        "total": 1,
        "total_is_exact": True,
        "next_cursor": None,
    },
    problems=[INVALID_QUERY, NOT_FOUND],
)

replay_webhook = partner_operation(
    "replayWebhook",
    "Replay events to a webhook",
    "Sends past events to a webhook, in the same form and under the same ids: those behind an event, or from a time "
    "on. One replay of a webhook runs at a time; the webhook shows how far it has got.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=EVENTS,
    takes=serializers.ReplayRequestSerializer,
    requests={
        "From a time on": {"since": "2026-11-01T00:00:00Z"},
        "Behind an event": {"after": EVENT["id"], "types": ["customer.created"]},
    },
    status=202,
    answers=serializers.WebhookReplayResponseSerializer,
    example={"replay": _REPLAY},
    problems=[
        NOT_FOUND,
        conflict("replay_running", "A replay to this webhook is under way.", webhook_inactive=_INACTIVE),
        EVENT_GONE,
    ],
)

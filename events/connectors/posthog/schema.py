"""What OpenAPI says of PostHog's endpoints."""

from events.connectors.posthog.serializers import PostHogAnalyticsOutcomeSerializer, PostHogOutcomeSerializer
from events.connectors.shared.schema import BASIC, takes

_EVENT = {
    "event": "purchase_completed",
    "distinct_id": "user-42",
    "uuid": "0196b0d4-4b0a-7c3e-8f5a-2f1f5d2a7c11",
    "properties": {"value": 19.9, "$set": {"plan": "pro"}},
    "timestamp": "2026-04-26T10:00:00Z",
}

_ABOUT = (
    f"{BASIC}, or `api_key` in the body. `$identify`, `$set` and `$set_once` become traits, `$pageview` becomes "
    "`page_viewed`, other events whose names begin with `$` are skipped."
)

webhook = takes(
    "posthogWebhook",
    "Take events from PostHog",
    f"What a webhook destination sends: one event, or several in `batch`. {_ABOUT}",
    outcome=PostHogOutcomeSerializer,
    answer={"status": 1},
    example={"event": _EVENT, "person": {"id": "0196b0d4", "properties": {}}},
)

capture = takes(
    "posthogBatch",
    "Take a batch from PostHog's SDKs",
    "What the SDKs send whose host is `…/api/connectors/posthog`. The same is taken at `capture`, `e`, `i/v0/e` and "
    f"`i/v0/ai/batch`. {_ABOUT}",
    outcome=PostHogOutcomeSerializer,
    answer={"status": 1},
    example={"batch": [_EVENT], "sent_at": "2026-04-26T10:00:01Z"},
)

analytics = takes(
    "posthogAnalytics",
    "Take a batch from PostHog's SDKs in capture mode v1",
    f"The same, with an answer for each event that was rejected. {_ABOUT}",
    outcome=PostHogAnalyticsOutcomeSerializer,
    answer={"status": 1, "results": {}},
    example={"batch": [_EVENT], "created_at": "2026-04-26T10:00:01Z"},
)

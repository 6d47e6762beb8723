"""What OpenAPI says of a partner's usage and alerts."""

from partners.operation import CUSTOMER, STATS, partner_operation
from partners.usage import serializers
from retivo.api.schema import INVALID_QUERY, NOT_FOUND
from tenants.models import Scope

_ROW = {
    "tenant_id": CUSTOMER["tenant_id"],
    "external_id": None,
    "period": "2026-10",
    "corrected_on": None,
    "final": True,
    "counted_at": "2026-11-01T00:00:04Z",
    "active_users": 1840,
    "events": 52718,
    "decisions": 911,
    "actions_delivered": 401,
    "outcomes": 322,
    "action_cost_usd": "200.500000",
}

list_usage = partner_operation(
    "listUsage",
    "List usage",
    "What each of your customers used, by month or day (UTC): a row where something was used, by the customers' age "
    "and then by time. The numbers are some ten minutes behind. Three days after a month's end its rows are `final`, "
    "with its days', and never change again; what is found later is a row of its own, with `corrected_on`.\n\n"
    "With `Accept: application/x-ndjson` or `text/csv` all rows are streamed, without pages.",
    scope=Scope.PARTNER_READ,
    tag=STATS,
    parameters=[serializers.UsageQuerySerializer],
    answers=serializers.UsageListSerializer,
    example={"usage": [_ROW], "total": 1, "total_is_exact": True, "next_cursor": None},
    streamed={
        "application/x-ndjson": (serializers.UsageRowSerializer, _ROW),
        "text/csv": (str, ",".join(_ROW) + "\r\n" + ",".join(str(value or "") for value in _ROW.values()) + "\r\n"),
    },
    problems=[INVALID_QUERY, NOT_FOUND],
)

_ALERT = {"metric": "active_users", "thresholds": [75, 90, 100, 120], "scope": "each_customer", "limit": None}

list_usage_alerts = partner_operation(
    "listUsageAlerts",
    "List usage alerts",
    "Of what of your customers' usage you want to hear.",
    scope=Scope.PARTNER_READ,
    tag=STATS,
    answers=serializers.UsageAlertListSerializer,
    example={"usage_alerts": [_ALERT], "total": 1, "next_cursor": None},
)

set_usage_alert = partner_operation(
    "setUsageAlert",
    "Set a usage alert",
    "You get an event `usage.threshold_reached` when a month's usage reaches one of the thresholds: once for each "
    "month, customer, metric and threshold, within some twenty minutes. There is one alert for each metric and scope, "
    "which this replaces.",
    scope=Scope.PARTNER_CUSTOMERS,
    tag=STATS,
    takes=serializers.UsageAlertSerializer,
    requests={
        "Active users of each customer": {name: _ALERT[name] for name in ("metric", "thresholds", "scope")},
        "Events of all customers": {"metric": "events", "thresholds": [80, 100], "scope": "fleet", "limit": 10_000_000},
        "Nothing more of it": {"metric": "active_users", "thresholds": [], "scope": "each_customer"},
    },
    answers=serializers.UsageAlertResponseSerializer,
    example={"usage_alert": _ALERT},
)

"""What OpenAPI says of the Partner API's stats and patterns."""

from partners.operation import CUSTOMER, INTEGRATION, INTEGRATIONS, STATS, USAGE, partner_operation
from partners.overview import serializers
from retivo.api.schema import INVALID_QUERY
from tenants.models import Scope

list_patterns = partner_operation(
    "listPatterns",
    "List patterns",
    "What many tenants' outcomes together say of your action types: how often each succeeds by the users' stage, with "
    "the noise of differential privacy. An action type of which too few tenants know enough has none.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    answers=serializers.PatternListSerializer,
    example={
        "patterns": [
            {
                "integration_id": INTEGRATION["id"],
                "action_type": "grant_points",
                "kind": "loyalty/grant_points",
                "made_over": "own_customers",
                "segments": [{"segment": "at_risk", "rate": 0.312, "interval": [0.29, 0.334]}],
                "contributors": "200–499",
                "epsilon": 1.0,
                "delta": 1e-06,
                "released_at": "2026-11-20T03:41:00Z",
            }
        ],
        "total": 1,
    },
)

get_partner_stats = partner_operation(
    "getPartnerStats",
    "Get partner stats",
    "All your customers in brief with what each used in a month, how many there are by plan tier and plan status, and "
    "what they used together; and `lift`, how much more of the users convert that may be given something than of those "
    "held out, over all customers, as of some minutes ago. Takes the list's parameters; the totals count what the "
    "filters match.",
    scope=Scope.PARTNER_READ,
    tag=STATS,
    parameters=[serializers.StatsQuerySerializer],
    answers=serializers.StatsSerializer,
    example={
        "total_customers": 1,
        "by_plan_tier": {"starter": 0, "growth": 1, "scale": 0, "custom": 0},
        "by_plan_status": {"active": 1, "suspended": 0, "deleting": 0},
        "usage": {"month": "2026-11", "active_users": 1840, "events": 52718},
        "lift": {
            "days": 30,
            "customers": 1,
            "counted_at": "2026-11-24T10:20:00Z",
            "treated": {"users": 1640, "converted": 262, "rate": 0.1598, "low": 0.1428, "high": 0.1783},
            "holdout": {"users": 180, "converted": 18, "rate": 0.1, "low": 0.0642, "high": 0.1526},
            "difference": {"value": 0.0598, "low": 0.0046, "high": 0.1001},
        },
        "customers": [
            {
                **{name: CUSTOMER[name] for name in ("tenant_id", "name", "plan_tier", "tracked_user_limit")},
                "created_at": CUSTOMER["created_at"],
                "usage": USAGE,
            }
        ],
        "next_cursor": None,
    },
    problems=[INVALID_QUERY],
)

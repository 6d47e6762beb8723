"""What OpenAPI says of what a key is told of itself."""

from retivo.api.operation import operation
from retivo.api.schema import SUSPENDED
from tenants.me.serializers import MeSerializer

get_me = operation(
    "getMe",
    "Get who you are",
    "The tenant of your key, the key without its text, all that it may do, the tenant's limits, and the state that the "
    "tenant is in: whether its actions are sent and its events taken, and if not, why. Any key may ask.",
    scope=None,
    tag="Settings",
    answers=MeSerializer,
    example={
        "tenant": {
            "id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21",
            "name": "Merchant ABC",
            "slug": "merchant-abc",
            "tenant_role": "customer",
            "plan_tier": "growth",
            "plan_status": "active",
            "created_at": "2026-04-26T10:00:00Z",
        },
        "key": {
            "id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30",
            "prefix": "rt_live_4fGh",
            "label": "Provisioned",
            "mode": "live",
            "status": "active",
            "scopes": ["events:write"],
            "created_at": "2026-04-26T10:00:00Z",
            "expires_at": None,
        },
        "scopes": ["events:write"],
        "limits": {
            "tracked_users": 5000,
            "own_action_types": 200,
            "playbooks": 200,
            "active_playbooks": 20,
            "api_keys": 20,
            "action_budget_usd_max": "25",
            "holdout_percent_min": None,
        },
        "effective": {
            "sending": "held",
            "ingesting": "on",
            "because": ["partner_kill_switch"],
            "since": "2026-11-20T08:00:00Z",
            "by": "partner",
            "reason": "Wrong amounts were granted.",
            "parts": [
                {
                    "switch": "shadow_mode",
                    "integration_id": "5d2c8a1e-1f0b-4a8e-8d43-9a0f7c6b5e12",
                    "provider": "acme-loyalty",
                    "action_type": "grant_points",
                    "since": "2026-11-19T17:00:00Z",
                    "by": "partner",
                    "reason": None,
                }
            ],
        },
    },
    forbidden=SUSPENDED,
)

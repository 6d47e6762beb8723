"""What OpenAPI says of the Partner API's customers."""

from partners.customers import serializers
from partners.operation import CUSTOMER, CUSTOMERS, FORBIDDEN, INTEGRATION, USAGE, partner_operation
from retivo.api.schema import INVALID_QUERY, NOT_FOUND, Link, Problems, conflict
from tenants.models import Scope

_NOT_LIFTED = Problems(
    "CustomerNotChanged",
    403,
    {
        **FORBIDDEN.examples,
        "suspended_by_staff": "This customer was suspended by Retivo's staff, who alone can lift it.",
    },
)

list_customers = partner_operation(
    "listCustomers",
    "List customers",
    "The customers you provisioned, oldest first: all of them, or a page of `limit` with `next_cursor` for the next.",
    scope=Scope.PARTNER_READ,
    tag=CUSTOMERS,
    parameters=[serializers.CustomerListQuerySerializer],
    answers=serializers.CustomerListSerializer,
    example={"customers": [CUSTOMER], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

provision_customer = partner_operation(
    "provisionCustomer",
    "Provision a customer",
    "Makes an isolated tenant and its API key, and shares all your active integrations with it. The key is in this "
    "answer and nowhere else; the customer's own calls are made with it.",
    scope=Scope.PARTNER_CUSTOMERS,
    tag=CUSTOMERS,
    takes=serializers.ProvisionRequestSerializer,
    requests={
        "Required fields": {"name": "Merchant ABC", "slug": "merchant-abc"},
        "All fields": {
            "name": "Merchant XYZ",
            "slug": "merchant-xyz",
            "plan_tier": "growth",
            "tracked_user_limit": 5000,
            "config": {"overage": "allow"},
        },
    },
    status=201,
    answers=serializers.ProvisionResponseSerializer,
    example={
        "customer": {
            **{name: CUSTOMER[name] for name in ("tenant_id", "name", "slug", "plan_tier")},
            "api_key": "rt_live_…",
        },
        "integrations_shared": 2,
        "warm_start": {"warm": True, "action_types": 4, "with_pattern": 3},
    },
    problems=[conflict("slug_taken", "You have a customer with the slug `merchant-abc` already.")],
    links=[Link("getCustomer", "customerId", "/customer/tenant_id")],
)

_CUSTOMER_DETAIL = {
    "customer": {
        **CUSTOMER,
        "tenant_role": "customer",
        "kill_switch_active": False,
        "shadow_mode": False,
        "config": {"overage": "allow", "holdout_percent": 10},
        "effective": {"overage": "allow", "holdout_percent": 5, "learning": "contribute"},
        "usage": USAGE,
        "integrations": [
            {
                **{name: INTEGRATION[name] for name in ("id", "provider", "display_name", "domain", "active")},
                "shared_at": "2026-04-26T10:00:00Z",
            }
        ],
        "api_keys": [
            {
                "id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30",
                "prefix": "rt_live_4fGh",
                "label": "Provisioned",
                "scope": "full",
                "scopes": ["full"],
                "last_used_at": None,
                "expires_at": None,
                "revoked_at": None,
                "revoked_reason": None,
                "created_at": "2026-04-26T10:00:00Z",
            }
        ],
        "action_types": {"total": 1, "active": 1},
    }
}

get_customer = partner_operation(
    "getCustomer",
    "Get a customer",
    "One of your customers: what you set of its config and what of that is in force, what it used this month, the "
    "integrations shared with it, its keys without their texts, and how many action types it has of yours. Of its "
    "users and their events a partner sees nothing, nor of what it set itself.",
    scope=Scope.PARTNER_READ,
    tag=CUSTOMERS,
    answers=serializers.CustomerDetailResponseSerializer,
    example=_CUSTOMER_DETAIL,
    problems=[NOT_FOUND],
)

change_customer = partner_operation(
    "changeCustomer",
    "Change a customer",
    "Changes what is sent of one of your customers: its plan, its config by JSON Merge Patch, its switches. "
    "`learning` is kept as `learning_by_partner`, beside the customer's own; the stricter one wins. Suspending "
    "it refuses all of its keys at once; a suspension by Retivo's staff only they can lift.",
    scope=Scope.PARTNER_CUSTOMERS,
    tag=CUSTOMERS,
    takes=serializers.CustomerChangeSerializer,
    requests={
        "A larger plan": {"plan_tier": "growth", "tracked_user_limit": 5000, "config": {"overage": "allow"}},
        "Suspend": {"plan_status": "suspended"},
    },
    answers=serializers.CustomerDetailResponseSerializer,
    example=_CUSTOMER_DETAIL,
    problems=[NOT_FOUND, _NOT_LIFTED],
)

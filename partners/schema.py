"""What OpenAPI says of the Partner API beside its serializers: a decorator for each operation of `partners.views`."""

from functools import partial

from integrations.serializers import (
    IntegrationRequestSerializer,
    RotatedSecretSerializer,
    RotateSecretRequestSerializer,
)
from partners import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, Problems, conflict

CUSTOMERS, INTEGRATIONS, STATS = "Customers", "Integrations", "Stats"

FORBIDDEN = Problems(
    "NotAPartner",
    403,
    {
        "partner_scope_required": "This API key does not hold the `partner` permission.",
        "tenant_not_partner": "Only a tenant with the role `partner` may use the Partner API.",
        "tenant_suspended": "This tenant is suspended; nothing was read or changed.",
    },
)

_NOT_LIFTED = Problems(
    "CustomerNotChanged",
    403,
    {
        **FORBIDDEN.examples,
        "suspended_by_staff": "This customer was suspended by Retivo's staff, who alone can lift it.",
    },
)


_operation = partial(operation, forbidden=FORBIDDEN)


# --- Customers ------------------------------------------------------------------------------------------------------

_CUSTOMER = {
    "tenant_id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21",
    "name": "Merchant ABC",
    "slug": "merchant-abc",
    "plan_tier": "growth",
    "plan_status": "active",
    "tracked_user_limit": 5000,
    "created_at": "2026-04-26T10:00:00Z",
}

_USAGE = {"month": "2026-11", "active_users": 1840, "limit": 5000, "events": 52718}

_TEMPLATE = {
    "name": "grant_points",
    "description": "Grants loyalty points to a member.",
    "parameters_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 1}, "reason": {"type": "string"}},
        "required": ["amount"],
        "additionalProperties": False,
    },
    "delivery_webhook": "https://hooks.acme.example/points",
    "estimated_cost_usd": "0.50",
}

_INTEGRATION = {
    "id": "5d2c8a1e-1f0b-4a8e-8d43-9a0f7c6b5e12",
    "provider": "acme-loyalty",
    "display_name": "Acme Loyalty",
    "domain": "loyalty",
    "active": True,
    "action_type_templates": [_TEMPLATE],
    "event_mappings": [
        {"from": "order.completed", "to": "purchase_completed", "properties": {"amount": "value"}},
    ],
    "customers_shared": 0,
    "created_at": "2026-04-26T09:30:00Z",
}

list_customers = _operation(
    "listCustomers",
    "List customers",
    "The customers you provisioned, oldest first: all of them, or a page of `limit` with `next_cursor` for the next.",
    tag=CUSTOMERS,
    parameters=[serializers.CustomerListQuerySerializer],
    answers=serializers.CustomerListSerializer,
    example={"customers": [_CUSTOMER], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

provision_customer = _operation(
    "provisionCustomer",
    "Provision a customer",
    "Makes an isolated tenant and its API key, and shares all your active integrations with it. The key is in this "
    "answer and nowhere else; the customer's own calls are made with it.",
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
            **{name: _CUSTOMER[name] for name in ("tenant_id", "name", "slug", "plan_tier")},
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
        **_CUSTOMER,
        "tenant_role": "customer",
        "kill_switch_active": False,
        "shadow_mode": False,
        "config": {"overage": "allow"},
        "usage": _USAGE,
        "integrations": [
            {
                **{name: _INTEGRATION[name] for name in ("id", "provider", "display_name", "domain", "active")},
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
                "created_at": "2026-04-26T10:00:00Z",
            }
        ],
        "action_types": {"total": 1, "active": 1},
    }
}

get_customer = _operation(
    "getCustomer",
    "Get a customer",
    "One of your customers: its settings, what it used this month, the integrations shared with it, its keys without "
    "their texts, and how many action types it has of yours. Of its users and their events a partner sees nothing.",
    tag=CUSTOMERS,
    answers=serializers.CustomerDetailResponseSerializer,
    example=_CUSTOMER_DETAIL,
    problems=[NOT_FOUND],
)

change_customer = _operation(
    "changeCustomer",
    "Change a customer",
    "Changes what is sent of one of your customers: its plan, its config by JSON Merge Patch, its switches. "
    "`learning` is kept as `learning_by_partner`, beside the customer's own; the stricter one wins. Suspending "
    "it refuses all of its keys at once; a suspension by Retivo's staff only they can lift.",
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

# --- Integrations ---------------------------------------------------------------------------------------------------

register_integration = _operation(
    "registerIntegration",
    "Register an integration",
    "Says once what your platform can do. Customers provisioned from now on get it by themselves, earlier ones when "
    "you share it. `webhook_secret` is in this answer and nowhere else.",
    tag=INTEGRATIONS,
    takes=IntegrationRequestSerializer,
    requests={
        "Parameters as JSON Schema": {
            "provider": "acme-loyalty",
            "display_name": "Acme Loyalty",
            "domain": "loyalty",
            "action_type_templates": [_TEMPLATE],
            "event_mappings": _INTEGRATION["event_mappings"],
        },
        "Parameters in the flat form": {
            "provider": "acme-vouchers",
            "display_name": "Acme Vouchers",
            "action_type_templates": [
                {
                    "name": "send_voucher",
                    "description": "Sends a voucher by e-mail.",
                    "parameters_schema": {
                        "percent": {"type": "number", "required": True},
                        "valid_days": {"type": "integer"},
                    },
                    "delivery_webhook": "https://hooks.acme.example/vouchers",
                }
            ],
        },
    },
    status=201,
    answers=serializers.RegisterResponseSerializer,
    example={"integration": {**_INTEGRATION, "webhook_secret": "0123456789abcdef" * 4}},
    problems=[conflict("provider_taken", "You have an integration with the provider `acme-loyalty` already.")],
    links=[Link("shareIntegration", "integrationId", "/integration/id")],
)

list_integrations = _operation(
    "listIntegrations",
    "List integrations",
    "Your integrations, oldest first, each with its action types and the number of customers that have it.",
    tag=INTEGRATIONS,
    parameters=[serializers.WholeListQuerySerializer],
    answers=serializers.IntegrationListSerializer,
    example={"integrations": [_INTEGRATION], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

share_integration = _operation(
    "shareIntegration",
    "Share an integration with a customer",
    "Gives one of your customers one of your integrations, with its action types. Doing it again changes nothing and "
    "gets the same answer.",
    tag=INTEGRATIONS,
    takes=serializers.ShareRequestSerializer,
    requests={"A customer": {"customer_tenant_id": _CUSTOMER["tenant_id"]}},
    answers=serializers.ShareResponseSerializer,
    example={
        "shared": True,
        "action_types_registered": 3,
        "warm_start": {"warm": True, "action_types": 3, "with_pattern": 2},
    },
    problems=[NOT_FOUND, conflict("integration_inactive", "This integration is not active.")],
)

rotate_secret = _operation(
    "rotateIntegrationSecret",
    "Rotate an integration's webhook secret",
    "Makes a new webhook secret, which is in this answer and nowhere else. For 24 hours, or as "
    "many as you say, requests are signed with the one before it as well.",
    tag=INTEGRATIONS,
    takes=RotateSecretRequestSerializer,
    requests={"With the usual overlap": {}, "At once": {"overlap_hours": 0}},
    answers=RotatedSecretSerializer,
    example={"webhook_secret": "0123456789abcdef" * 4, "previous_secret_until": "2026-04-27T10:00:00Z"},
    problems=[NOT_FOUND, KEY_IN_USE],
)

# --- Patterns -------------------------------------------------------------------------------------------------------

list_patterns = _operation(
    "listPatterns",
    "List patterns",
    "What many tenants' outcomes together say of your action types: how often each succeeds by the users' stage, with "
    "the noise of differential privacy. An action type of which too few tenants know enough has none.",
    tag=INTEGRATIONS,
    answers=serializers.PatternListSerializer,
    example={
        "patterns": [
            {
                "integration_id": _INTEGRATION["id"],
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

# --- Stats ----------------------------------------------------------------------------------------------------------

get_partner_stats = _operation(
    "getPartnerStats",
    "Get partner stats",
    "All your customers in brief with what each used this month, how many there are by plan tier and plan status, and "
    "what they used together; and `lift`, how much more of the users convert that may be given something than of those "
    "held out, over all customers, as of some minutes ago. Takes the list's parameters; the totals count what the "
    "filters match.",
    tag=STATS,
    parameters=[serializers.CustomerListQuerySerializer],
    answers=serializers.StatsSerializer,
    example={
        "total_customers": 1,
        "by_plan_tier": {"starter": 0, "growth": 1, "scale": 0, "custom": 0},
        "by_plan_status": {"active": 1, "suspended": 0},
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
                **{name: _CUSTOMER[name] for name in ("tenant_id", "name", "plan_tier", "tracked_user_limit")},
                "created_at": _CUSTOMER["created_at"],
                "usage": _USAGE,
            }
        ],
        "next_cursor": None,
    },
    problems=[INVALID_QUERY],
)

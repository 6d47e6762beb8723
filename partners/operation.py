"""What OpenAPI says of every operation of the Partner API, and the rows its examples share."""

from functools import partial

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from retivo.api.operation import operation
from retivo.api.schema import Problems

CUSTOMERS, KEYS, INTEGRATIONS, STATS, SWITCHES = "Customers", "Keys", "Integrations", "Stats", "Switches"
ROLLOUTS = "Roll-outs"
EVENTS, ENDPOINTS = "Events of a partner", "Endpoints"

FORBIDDEN = Problems(
    "NotAPartner",
    403,
    {
        "partner_scope_required": "This API key does not hold the `partner` permission.",
        "insufficient_scope": "This API key does not hold the scope `partner:customers`.",
        "tenant_not_partner": "Only a tenant with the role `partner` may use the Partner API.",
        "suspended_by_staff": "This tenant was suspended by Retivo's staff; nothing was read or changed.",
        "tenant_deleting": "This tenant is being deleted; nothing was read or changed.",
    },
)

partner_operation = partial(operation, forbidden=FORBIDDEN)

CUSTOMER_ID = OpenApiParameter(
    "customer_id",
    {"type": "string", "format": "customer-id", "minLength": 5},
    OpenApiParameter.PATH,
    description="The customer's `tenant_id`, or `ext:` and its external id, percent-encoded.",
    examples=[
        OpenApiExample("By tenant", "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21"),
        OpenApiExample("By your own id", "ext:shop-1841"),
    ],
)
CUSTOMER_BY_OWN_ID = OpenApiParameter(
    "customer_id",
    {"type": "string", "format": "own-customer-id", "pattern": "^ext:[^/]+$"},
    OpenApiParameter.PATH,
    description="`ext:` and the external id, percent-encoded. A `tenant_id` is not found here.",
    examples=[OpenApiExample("By your own id", "ext:shop-1841")],
)

CUSTOMER = {
    "tenant_id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21",
    "external_id": "shop-1841",
    "name": "Merchant ABC",
    "slug": "merchant-abc",
    "plan_tier": "growth",
    "plan_status": "active",
    "tracked_user_limit": 5000,
    "metadata": {"region": "eu"},
    "delete_at": None,
    "created_at": "2026-04-26T10:00:00Z",
    "updated_at": "2026-11-02T14:30:00Z",
}

USAGE = {"month": "2026-11", "active_users": 1840, "limit": 5000, "events": 52718}

TEMPLATE = {
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
    "kind": "loyalty/grant_points",
}

INTEGRATION = {
    "id": "5d2c8a1e-1f0b-4a8e-8d43-9a0f7c6b5e12",
    "provider": "acme-loyalty",
    "display_name": "Acme Loyalty",
    "domain": "loyalty",
    "active": True,
    "held": [],
    "revision": 1,
    "action_type_templates": [TEMPLATE | {"kind_source": "declared"}],
    "event_mappings": [
        {"from": "order.completed", "to": "purchase_completed", "properties": {"amount": "value"}},
    ],
    "require_certification": False,
    "customers_shared": 0,
    "deprecated_at": None,
    "sunset_at": None,
    "created_at": "2026-04-26T09:30:00Z",
}

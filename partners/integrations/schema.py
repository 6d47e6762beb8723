"""What OpenAPI says of the Partner API's integrations."""

from integrations.serializers import (
    IntegrationRequestSerializer,
    RotatedSecretSerializer,
    RotateSecretRequestSerializer,
)
from partners import fields
from partners.integrations import serializers
from partners.operation import CUSTOMER, INTEGRATION, INTEGRATIONS, TEMPLATE, partner_operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, conflict
from tenants.models import Scope

register_integration = partner_operation(
    "registerIntegration",
    "Register an integration",
    "Says once what your platform can do. Customers provisioned from now on get it by themselves, earlier ones when "
    "you share it. `webhook_secret` is in this answer and nowhere else.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=IntegrationRequestSerializer,
    requests={
        "Parameters as JSON Schema": {
            "provider": "acme-loyalty",
            "display_name": "Acme Loyalty",
            "domain": "loyalty",
            "action_type_templates": [TEMPLATE],
            "event_mappings": INTEGRATION["event_mappings"],
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
    example={"integration": {**INTEGRATION, "webhook_secret": "0123456789abcdef" * 4}},
    problems=[conflict("provider_taken", "You have an integration with the provider `acme-loyalty` already.")],
    links=[Link("shareIntegration", "integrationId", "/integration/id")],
)

list_integrations = partner_operation(
    "listIntegrations",
    "List integrations",
    "Your integrations, oldest first, each with its action types and the number of customers that have it. A page ends "
    "at 4 MiB, with or without a `limit`, and `next_cursor` leads on.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    parameters=[fields.WholeListQuerySerializer],
    answers=serializers.IntegrationListSerializer,
    example={"integrations": [INTEGRATION], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

share_integration = partner_operation(
    "shareIntegration",
    "Share an integration with a customer",
    "Gives one of your customers one of your integrations, with its action types. Doing it again changes nothing and "
    "gets the same answer.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.ShareRequestSerializer,
    requests={"A customer": {"customer_tenant_id": CUSTOMER["tenant_id"]}},
    answers=serializers.ShareResponseSerializer,
    example={
        "shared": True,
        "action_types_registered": 3,
        "warm_start": {"warm": True, "action_types": 3, "with_pattern": 2},
    },
    problems=[NOT_FOUND, conflict("integration_inactive", "This integration is not active.")],
)

rotate_secret = partner_operation(
    "rotateIntegrationSecret",
    "Rotate an integration's webhook secret",
    "Makes a new webhook secret, which is in this answer and nowhere else. For 24 hours, or as "
    "many as you say, requests are signed with the one before it as well.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=RotateSecretRequestSerializer,
    requests={"With the usual overlap": {}, "At once": {"overlap_hours": 0}},
    answers=RotatedSecretSerializer,
    example={"webhook_secret": "0123456789abcdef" * 4, "previous_secret_until": "2026-04-27T10:00:00Z"},
    problems=[NOT_FOUND, KEY_IN_USE],
)

"""What OpenAPI says of the Partner API's integrations."""

from integrations.serializers import (
    IntegrationRequestSerializer,
    RotatedSecretSerializer,
    RotateSecretRequestSerializer,
)
from partners import fields
from partners.integrations import serializers
from partners.operation import CUSTOMER, CUSTOMER_ID, INTEGRATION, INTEGRATIONS, TEMPLATE, partner_operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, Problems, Success, conflict
from tenants.models import Scope

_SHARING = {
    "id": "sh_9d4b2f7c1e0a4c5f8b6d3a2e1f0c9b8a",
    "status": "running",
    "customers": 1840,
    "shared": 500,
    "left": 1340,
    "created_at": "2026-12-01T09:00:00Z",
    "finished_at": None,
}

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
    "Gives one of your customers one of your integrations, with its action types, at the newest revision that was "
    "rolled out to all. Doing it again changes nothing and gets the same answer. With `all` a job gives it to all "
    "customers that have it not: 202, and GET tells how far it is.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.ShareRequestSerializer,
    requests={"A customer": {"customer_tenant_id": CUSTOMER["tenant_id"]}, "All customers": {"all": True}},
    answers=serializers.ShareResponseSerializer,
    example={
        "shared": True,
        "action_types_registered": 3,
        "warm_start": {"warm": True, "action_types": 3, "with_pattern": 2},
    },
    also={202: Success(serializers.SharingResponseSerializer, 202, {"sharing": _SHARING})},
    problems=[
        NOT_FOUND,
        conflict(
            "integration_inactive",
            "This integration is not active.",
            integration_deprecated="This integration is deprecated and cannot be shared any more.",
            endpoint_not_certified="This integration has endpoints that are not certified.",
            customer_deleting="This customer is being deleted. Restore it first.",
        ),
    ],
)

get_sharing = partner_operation(
    "getSharing",
    "Get how far a sharing with all is",
    "The sharing of this integration with all customers that you asked for last.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    answers=serializers.SharingResponseSerializer,
    example={"sharing": _SHARING},
    problems=[NOT_FOUND],
)

unshare_integration = partner_operation(
    "unshareIntegration",
    "Take an integration from a customer",
    "From now on nothing of it is decided for the customer. What is queued is sent still, or cancelled: it fails as "
    "`integration_unshared`, the first 2,000 at once and any others when they come due, without being sent. What the "
    "customer switched off is off again if you share it another time.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    parameters=[CUSTOMER_ID],
    takes=serializers.UnshareRequestSerializer,
    requests={"Send what is queued": {"actions": "finish"}, "Cancel what is queued": {"actions": "cancel"}},
    answers=serializers.UnsharedSerializer,
    example={"shared": False, "actions_cancelled": 3},
    problems=[NOT_FOUND, conflict("customer_deleting", "This customer is being deleted. Restore it first.")],
)

get_integration = partner_operation(
    "getIntegration",
    "Get an integration",
    "One of your integrations, with the action types and event mappings of the revision that new customers get.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    answers=serializers.IntegrationResponseSerializer,
    example={"integration": INTEGRATION},
    problems=[NOT_FOUND],
)

change_integration = partner_operation(
    "changeIntegration",
    "Change an integration",
    "Changes its name, switches it off and on, asks for certified endpoints, or declares kinds of its action types, at "
    "once. What it does is changed by revisions.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.IntegrationChangeSerializer,
    requests={
        "Another name": {"display_name": "Acme Rewards"},
        "Switch it off": {"active": False},
        "Certify first": {"require_certification": True},
        "Declare kinds": {"kinds": {"grant_points": "loyalty/grant_points"}},
    },
    answers=serializers.IntegrationResponseSerializer,
    example={"integration": INTEGRATION | {"display_name": "Acme Rewards"}},
    problems=[NOT_FOUND],
)

delete_integration = partner_operation(
    "deleteIntegration",
    "Delete an integration",
    "Takes away an integration that no customer has. Its provider may be registered again.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    answers=serializers.DeletedIntegrationSerializer,
    example={"deleted": True},
    problems=[
        NOT_FOUND,
        Problems(
            "IntegrationNotDeleted",
            409,
            {
                "integration_shared": "184 customers have this integration: unshare it first.",
                "rollout_in_progress": "A roll-out or a sharing of this integration is under way.",
            },
        ),
    ],
)

change_webhooks = partner_operation(
    "changeWebhooks",
    "Correct the addresses of an integration",
    "Whatever is sent to one origin goes to another, at once: for all customers, in all revisions, queued actions, "
    "too. Paths stay as they are. It is meant for a host that has moved or was mistyped; all else is changed by "
    "revisions.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.WebhooksChangeSerializer,
    requests={
        "Another host": {"from_origin": "https://hoooks.acme.example", "to_origin": "https://hooks.acme.example"}
    },
    answers=serializers.ChangedWebhooksResponseSerializer,
    example={
        "webhooks": {
            "from_origin": "https://hoooks.acme.example",
            "to_origin": "https://hooks.acme.example",
            "action_types": ["grant_points"],
        }
    },
    problems=[
        NOT_FOUND,
        conflict(
            "origin_not_used",
            "No action type of this integration is sent to `from_origin`.",
            endpoint_not_certified="This integration has endpoints that are not certified.",
        ),
    ],
)

deprecate_integration = partner_operation(
    "deprecateIntegration",
    "Deprecate an integration",
    "It can no longer be shared, not even with new customers. Those who have it keep it, and see in their action types "
    "since when it is deprecated and when it ends: `deprecated_at` and `sunset_at`, and the headers `Deprecation` and "
    "`Sunset`. Nothing happens by itself at that time: unshare it then.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.DeprecateRequestSerializer,
    requests={"In three months": {"sunset_at": "2027-03-01T00:00:00Z"}, "Take it back": {"sunset_at": None}},
    answers=serializers.IntegrationResponseSerializer,
    example={
        "integration": INTEGRATION | {"deprecated_at": "2026-12-01T09:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"}
    },
    problems=[NOT_FOUND, KEY_IN_USE],
)

list_having = partner_operation(
    "listIntegrationCustomers",
    "List customers that have an integration",
    "At which revision each is, and what differs there from what you registered: action types that it switched off, "
    "and those in whose place it has an own one of the same name.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    parameters=[serializers.HavingListQuerySerializer],
    answers=serializers.HavingListSerializer,
    example={
        "customers": [
            {
                **{name: CUSTOMER[name] for name in ("tenant_id", "external_id", "name")},
                "revision": 1,
                "shared_at": "2026-04-26T10:00:00Z",
                "switched_off": ["send_voucher"],
                "shadowed": [],
            }
        ],
        "total": 1,
        "total_is_exact": True,
        "next_cursor": None,
    },
    problems=[INVALID_QUERY, NOT_FOUND],
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

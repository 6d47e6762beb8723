"""The Partner API's requests and answers on the wire."""

from typing import Any

from rest_framework import serializers

from integrations.serializers import IntegrationSerializer, RegisteredIntegrationSerializer
from partners.services import DEFAULT_TRACKED_USER_LIMIT, CustomerFilter, Page
from retivo.api.pagination import CursorField
from retivo.api.serializers import (
    IntegerField,
    ObjectField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    UUIDField,
    pattern,
)
from tenants.models import PlanStatus, PlanTier, Scope

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_INTEGER = 2**31 - 1


class CustomerListQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="Without it: everything.")
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")
    plan_tier = serializers.ChoiceField(PlanTier.choices, required=False)
    plan_status = serializers.ChoiceField(PlanStatus.choices, required=False)
    slug = StringField(required=False, help_text="Exactly this slug.")
    q = StringField(required=False, help_text="Part of the name, whatever its case.")

    @property
    def page(self) -> Page:
        return Page(limit=self.validated_data.get("limit"), after=self.validated_data.get("cursor"))

    @property
    def where(self) -> CustomerFilter:
        names = ("plan_tier", "plan_status", "slug", "q")
        return CustomerFilter(**{name: self.validated_data.get(name) for name in names})


class ProvisionRequestSerializer(StrictSerializer):
    name = StringField(max_length=200, help_text="Customer display name.")
    slug = StringField(
        min_length=2,
        max_length=63,
        validators=[pattern(SLUG, "Must be lowercase letters and digits, with single hyphens between them.")],
        help_text="URL-safe identifier, unique among your customers.",
    )
    plan_tier = serializers.ChoiceField(PlanTier.choices, required=False, help_text="Your own tier by default.")
    tracked_user_limit = IntegerField(
        required=False,
        default=DEFAULT_TRACKED_USER_LIMIT,
        min_value=0,
        max_value=MAX_INTEGER,
        help_text="Monthly active users.",
    )
    config = ObjectField(
        required=False, default=dict, help_text="Merged over your own config by JSON Merge Patch (RFC 7396)."
    )


class ShareRequestSerializer(StrictSerializer):
    customer_tenant_id = UUIDField()


class CustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    tracked_user_limit = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER)
    created_at = serializers.DateTimeField()


class CustomerListSerializer(serializers.Serializer[Any]):
    customers = CustomerSerializer(many=True)
    total = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    next_cursor = serializers.CharField(allow_null=True)


class SharedIntegrationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    display_name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    shared_at = serializers.DateTimeField()


class ApiKeySerializer(serializers.Serializer[Any]):
    """A key; its text is not known to us."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field of this name
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ActionTypeCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    active = serializers.IntegerField()


class CustomerDetailSerializer(CustomerSerializer):
    tenant_role = serializers.ChoiceField(["customer"])
    config = serializers.DictField()
    integrations = SharedIntegrationSerializer(many=True)
    api_keys = ApiKeySerializer(many=True)
    action_types = ActionTypeCountsSerializer(help_text="Those of your integrations.")


class CustomerDetailResponseSerializer(serializers.Serializer[Any]):
    customer = CustomerDetailSerializer()


class ProvisionedCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    api_key = serializers.CharField(help_text="Returned only once.")


class ProvisionResponseSerializer(serializers.Serializer[Any]):
    customer = ProvisionedCustomerSerializer()
    integrations_shared = serializers.IntegerField()


class IntegrationListSerializer(serializers.Serializer[Any]):
    integrations = IntegrationSerializer(many=True)
    total = serializers.IntegerField()


class RegisterResponseSerializer(serializers.Serializer[Any]):
    integration = RegisteredIntegrationSerializer()


class ShareResponseSerializer(serializers.Serializer[Any]):
    shared = serializers.BooleanField()
    action_types_registered = serializers.IntegerField(
        help_text="How many of the integration's action types now stand in the customer's tenant."
    )


class StatsCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    tracked_user_limit = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class PlanTierCountsSerializer(serializers.Serializer[Any]):
    starter = serializers.IntegerField()
    growth = serializers.IntegerField()
    scale = serializers.IntegerField()
    custom = serializers.IntegerField()


class PlanStatusCountsSerializer(serializers.Serializer[Any]):
    active = serializers.IntegerField()
    suspended = serializers.IntegerField()


class StatsSerializer(serializers.Serializer[Any]):
    total_customers = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    by_plan_tier = PlanTierCountsSerializer()
    by_plan_status = PlanStatusCountsSerializer()
    customers = StatsCustomerSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)

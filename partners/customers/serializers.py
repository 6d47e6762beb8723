"""The Partner API's requests and answers on the wire."""

from typing import Any

from rest_framework import serializers

from events.ingestion.serializers import UsageSerializer
from partners.customers.queries import CustomerFilter, Page
from partners.customers.services import DEFAULT_TRACKED_USER_LIMIT
from partners.fields import WarmStartSerializer, WholeListQuerySerializer
from retivo.api.pagination import PageSerializer
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ObjectField,
    StrictSerializer,
    StringField,
    pattern,
)
from tenants.models import PlanStatus, PlanTier
from tenants.serializers import ApiKeySerializer

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_INTEGER = 2**31 - 1


class CustomerListQuerySerializer(WholeListQuerySerializer):
    """Query parameters, all optional."""

    plan_tier = ChoiceField(PlanTier.choices, required=False)
    plan_status = ChoiceField(PlanStatus.choices, required=False)
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
    plan_tier = ChoiceField(PlanTier.choices, required=False, help_text="Your own tier by default.")
    tracked_user_limit = IntegerField(
        required=False,
        default=DEFAULT_TRACKED_USER_LIMIT,
        min_value=0,
        max_value=MAX_INTEGER,
        help_text="Monthly active users.",
    )
    config = ObjectField(
        required=False,
        default=dict,
        help_text="Merged over your own config by JSON Merge Patch (RFC 7396); `learning` is kept as your word.",
    )


class CustomerChangeSerializer(StrictSerializer):
    name = StringField(required=False, max_length=200)
    plan_tier = ChoiceField(PlanTier.choices, required=False)
    plan_status = ChoiceField(
        PlanStatus.choices, required=False, help_text="A suspended customer's keys are refused at once."
    )
    tracked_user_limit = IntegerField(
        required=False, min_value=0, max_value=MAX_INTEGER, help_text="Monthly active users."
    )
    config = ObjectField(
        required=False, help_text="A JSON Merge Patch (RFC 7396): objects merge, `null` removes, all else replaces."
    )
    kill_switch_active = BooleanField(required=False, help_text="No action is sent.")
    shadow_mode = BooleanField(required=False, help_text="Decisions are made and logged, nothing is sent.")


class CustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    tracked_user_limit = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER)
    created_at = serializers.DateTimeField()


class CustomerListSerializer(PageSerializer):
    customers = CustomerSerializer(many=True)


class SharedIntegrationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    display_name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    shared_at = serializers.DateTimeField()


class ActionTypeCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    active = serializers.IntegerField()


class CustomerDetailSerializer(CustomerSerializer):
    tenant_role = serializers.ChoiceField(["customer"])
    kill_switch_active = serializers.BooleanField()
    shadow_mode = serializers.BooleanField()
    config = serializers.DictField(
        help_text="What you set of it, when you provisioned the customer and since; not what the customer set."
    )
    effective = serializers.DictField(
        help_text="What is in force of that, of the keys that Retivo acts on, and `learning`: the strictest of the "
        "customer's word and of yours."
    )
    usage = UsageSerializer()
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
    warm_start = WarmStartSerializer(help_text="Of all action types of the customer that are yours.")

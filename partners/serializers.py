"""The Partner API's requests and answers on the wire."""

from typing import Any

from rest_framework import serializers

from decisions.lift.serializers import DifferenceSerializer, ShareSerializer
from events.ingestion.serializers import UsageSerializer
from events.models import LifecycleStage
from integrations.serializers import IntegrationSerializer, RegisteredIntegrationSerializer
from partners.services import DEFAULT_TRACKED_USER_LIMIT, CustomerFilter, Page
from retivo.api.pagination import CursorField
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ObjectField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    UUIDField,
    pattern,
)
from tenants.models import PlanStatus, PlanTier
from tenants.serializers import ApiKeySerializer

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_INTEGER = 2**31 - 1


class WholeListQuerySerializer(StrictSerializer):
    """Query parameters, all optional: the list is whole where no page is asked for."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="Without it: everything.")
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")


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


class ActionTypeCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    active = serializers.IntegerField()


class CustomerDetailSerializer(CustomerSerializer):
    tenant_role = serializers.ChoiceField(["customer"])
    kill_switch_active = serializers.BooleanField()
    shadow_mode = serializers.BooleanField()
    config = serializers.DictField()
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


class WarmStartSerializer(serializers.Serializer[Any]):
    warm = serializers.BooleanField(help_text="Whether there is a pattern for any of them.")
    action_types = serializers.IntegerField()
    with_pattern = serializers.IntegerField(help_text="How many of them start from a pattern and not from nothing.")


class ProvisionResponseSerializer(serializers.Serializer[Any]):
    customer = ProvisionedCustomerSerializer()
    integrations_shared = serializers.IntegerField()
    warm_start = WarmStartSerializer(help_text="Of all action types of the customer that are yours.")


class IntegrationListSerializer(serializers.Serializer[Any]):
    integrations = IntegrationSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, on all pages.")
    next_cursor = serializers.CharField(allow_null=True)


class RegisterResponseSerializer(serializers.Serializer[Any]):
    integration = RegisteredIntegrationSerializer()


class ShareResponseSerializer(serializers.Serializer[Any]):
    shared = serializers.BooleanField()
    action_types_registered = serializers.IntegerField(
        help_text="How many of the integration's action types now stand in the customer's tenant."
    )
    warm_start = WarmStartSerializer(help_text="Of these action types.")


class SegmentSerializer(serializers.Serializer[Any]):
    segment = serializers.ChoiceField(LifecycleStage.choices)
    rate = serializers.FloatField(help_text="How often the action succeeds with users of this stage; with noise.")
    interval = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, help_text="95 %, of the noise alone."
    )


class PatternSerializer(serializers.Serializer[Any]):
    integration_id = serializers.UUIDField()
    action_type = serializers.CharField(help_text="The template's name.")
    kind = serializers.CharField(allow_null=True, help_text="Its entry in the public taxonomy, if it is on it.")
    made_over = serializers.ChoiceField(["own_customers", "all_partners"], help_text="Whose tenants contributed.")
    segments = SegmentSerializer(many=True)
    contributors = serializers.CharField(help_text="About how many tenants contributed: a band.")
    epsilon = serializers.FloatField(help_text="What the newest release cost each contributor.")
    delta = serializers.FloatField()
    released_at = serializers.DateTimeField()


class PatternListSerializer(serializers.Serializer[Any]):
    patterns = PatternSerializer(many=True)
    total = serializers.IntegerField()


class StatsCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    tracked_user_limit = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    usage = UsageSerializer()


class PlanTierCountsSerializer(serializers.Serializer[Any]):
    starter = serializers.IntegerField()
    growth = serializers.IntegerField()
    scale = serializers.IntegerField()
    custom = serializers.IntegerField()


class PlanStatusCountsSerializer(serializers.Serializer[Any]):
    active = serializers.IntegerField()
    suspended = serializers.IntegerField()


class TotalUsageSerializer(serializers.Serializer[Any]):
    month = serializers.RegexField(r"^[0-9]{4}-[0-9]{2}$", help_text="The present one, in UTC.")
    active_users = serializers.IntegerField(help_text="The customers' added up: a user of two counts twice.")
    events = serializers.IntegerField()


class PooledLiftSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    customers = serializers.IntegerField(help_text="How many of them decide with a holdout and a conversion event.")
    counted_at = serializers.DateTimeField(allow_null=True, help_text="The oldest of their counts.")
    treated = ShareSerializer(
        allow_null=True, help_text="Of users who may be given something; null while either share has fewer than 20."
    )
    holdout = ShareSerializer(allow_null=True)
    difference = DifferenceSerializer(allow_null=True, help_text="`rate` of the treated less that of the held out.")


class StatsSerializer(serializers.Serializer[Any]):
    total_customers = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    by_plan_tier = PlanTierCountsSerializer()
    by_plan_status = PlanStatusCountsSerializer()
    usage = TotalUsageSerializer(help_text="Of all that the filter matches, on all pages.")
    lift = PooledLiftSerializer(
        help_text="Whether acting helps, over all your customers, whatever the filter. A `rate` weighs each customer "
        "alike in both shares, and so is not `converted` / `users`."
    )
    customers = StatsCustomerSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)

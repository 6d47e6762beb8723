"""The Partner API's stats and patterns on the wire."""

from typing import Any

from rest_framework import serializers

from decisions.lift.serializers import DifferenceSerializer, ShareSerializer
from events.ingestion.serializers import UsageSerializer, month_field
from events.models import LifecycleStage
from partners.customers.serializers import CustomerListQuerySerializer
from tenants.models import PlanTier


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


class StatsQuerySerializer(CustomerListQuerySerializer):
    month = month_field()


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
    deleting = serializers.IntegerField()


class TotalUsageSerializer(serializers.Serializer[Any]):
    month = serializers.RegexField(r"^[0-9]{4}-[0-9]{2}$", help_text="In UTC: the one asked for, or the present one.")
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

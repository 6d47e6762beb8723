"""What a key is told of itself, on the wire."""

from typing import Any

from rest_framework import serializers

from tenants.models import KeyMode, KeyStatus, PlanStatus, PlanTier, Scope, TenantRole
from tenants.serializers import EffectiveSerializer


class MyTenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    tenant_role = serializers.ChoiceField(TenantRole.choices)
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    created_at = serializers.DateTimeField()


class MyKeySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    prefix = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field of this name
    mode = serializers.ChoiceField(KeyMode.choices)
    status = serializers.ChoiceField(
        KeyStatus.choices, help_text="As in the list of keys; one that calls is let in still."
    )
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), help_text="As the key was issued.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class LimitsSerializer(serializers.Serializer[Any]):
    tracked_users = serializers.IntegerField(help_text="Monthly active users.")
    own_action_types = serializers.IntegerField()
    playbooks = serializers.IntegerField(help_text="That are not archived.")
    active_playbooks = serializers.IntegerField()
    api_keys = serializers.IntegerField(help_text="That are active at once.")
    action_budget_usd_max = serializers.CharField(
        allow_null=True, help_text="The most that `config.action_budget_usd` may be, where that is bounded."
    )
    holdout_percent_min = serializers.FloatField(
        allow_null=True, help_text="The least that `config.holdout_percent` may be, where that is bounded."
    )


class MeSerializer(serializers.Serializer[Any]):
    tenant = MyTenantSerializer()
    key = MyKeySerializer()
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), help_text="All that the key may do: with what its scopes include."
    )
    limits = LimitsSerializer()
    effective = EffectiveSerializer()

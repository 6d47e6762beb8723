"""Decisions on the wire."""

from typing import Any

from rest_framework import serializers

from delivery.models import OutcomeStatus
from retivo.api.forward import ForwardPageQuerySerializer, PlaceField
from retivo.api.pagination import LookedAtPageSerializer
from retivo.api.serializers import ObjectField, StrictSerializer, StringField, TimestampField


class DecisionListQuerySerializer(ForwardPageQuerySerializer):
    """Query parameters, all optional."""

    user_id = StringField(required=False, max_length=255, allow_blank=True, help_text="Those for this user.")
    action_type_id = StringField(required=False, max_length=40, help_text="Those that chose this action type.")


class ExportQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    since = TimestampField(required=False, default=None, help_text="Those made at this time or later.")
    until = TimestampField(required=False, default=None, help_text="Those made before this time.")
    cursor = PlaceField(required=False, default=None, help_text="Those behind the line that has this `cursor`.")


class DecisionOutcomeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(OutcomeStatus.choices, allow_null=True)
    reported_at = serializers.DateTimeField(allow_null=True)
    converted_at = serializers.DateTimeField(allow_null=True)
    conversion = serializers.FloatField()
    reward = serializers.FloatField(allow_null=True, help_text="What the model is told; null while it is not known.")


class DecisionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    user_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    action = serializers.CharField(allow_null=True)
    action_type_id = serializers.CharField(allow_null=True)
    parameters = ObjectField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    propensity = serializers.FloatField()
    reasoning = serializers.CharField()
    guardrails = serializers.ListField(child=serializers.CharField())
    stopped_by = serializers.CharField(allow_null=True)
    holdout = serializers.BooleanField()
    shadow = serializers.BooleanField()
    action_id = serializers.CharField(allow_null=True)
    intervention_id = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(
        allow_blank=True, help_text="`X-Request-Id` of the request that asked for it, or the id of a job."
    )
    cost_usd = serializers.CharField(allow_null=True)
    model_version = serializers.IntegerField()
    prior_share = serializers.FloatField(allow_null=True)
    outcome = DecisionOutcomeSerializer()


class LedgerCandidateSerializer(serializers.Serializer[Any]):
    action = serializers.CharField(allow_null=True)
    action_type_id = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    propensity = serializers.FloatField()
    excluded_because = serializers.CharField(allow_null=True)


class DecisionDetailSerializer(DecisionSerializer):
    request = ObjectField()
    candidates = LedgerCandidateSerializer(many=True)
    features = serializers.DictField(child=serializers.FloatField(allow_null=True))


class DecisionListSerializer(LookedAtPageSerializer):
    decisions = DecisionSerializer(many=True)


class DecisionResponseSerializer(serializers.Serializer[Any]):
    decision = DecisionDetailSerializer()


class ExportedDecisionSerializer(serializers.Serializer[Any]):
    """One line."""

    decision_id = serializers.CharField()
    user_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    drawn = serializers.BooleanField(help_text="Drawn from `propensities`; else a guardrail left nothing to draw.")
    holdout = serializers.BooleanField()
    shadow = serializers.BooleanField()
    model_version = serializers.IntegerField()
    features = serializers.DictField(child=serializers.FloatField(allow_null=True))
    actions = serializers.ListField(child=serializers.CharField(), help_text="Action types' ids, and `nothing`.")
    propensities = serializers.ListField(child=serializers.FloatField())
    action = serializers.CharField()
    propensity = serializers.FloatField()
    confidence = serializers.FloatField(allow_null=True)
    outcome_status = serializers.ChoiceField(OutcomeStatus.choices, allow_null=True)
    conversion = serializers.FloatField()
    reward = serializers.FloatField(allow_null=True)
    cursor = serializers.CharField(help_text="Where to go on behind this line.")

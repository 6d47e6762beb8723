"""Decisions on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from decisions.situation import MAX_CANDIDATES, Request
from delivery.models import OutcomeStatus
from retivo.api.pagination import PageQuerySerializer
from retivo.api.schema import JSON_VALUE
from retivo.api.serializers import (
    BooleanField,
    ObjectField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    TimestampField,
)

_OBJECT = {
    "type": "object",
    "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
    "propertyNames": JSON_VALUE["propertyNames"],
}


@extend_schema_field(
    {
        **_OBJECT,
        "properties": {
            "parameters": {
                "type": "object",
                "description": "Parameters by an action type's name or id; they go before its schema's defaults.",
                "additionalProperties": _OBJECT,
                "propertyNames": JSON_VALUE["propertyNames"],
            }
        },
    }
)
class ContextField(ObjectField):
    """What the caller knows of the moment; `parameters` has objects by action type."""

    default_error_messages = {"not_objects": "`parameters` must be an object of objects."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        by_action = value.get("parameters", {})
        if not isinstance(by_action, dict) or not all(isinstance(each, dict) for each in by_action.values()):
            message = "Must be an object of objects: parameters by an action type's name or id."
            raise serializers.ValidationError({"parameters": [serializers.ErrorDetail(message, "invalid_parameters")]})
        return value


class RecommendRequestSerializer(StrictSerializer):
    user_id = StringField(max_length=255, allow_blank=True)
    domain = StringField(required=False, max_length=63, allow_blank=True, help_text="Only action types of this domain.")
    provider = StringField(required=False, max_length=63, help_text="Only action types of this provider.")
    action_types = serializers.ListField(
        child=StringField(max_length=100),
        required=False,
        min_length=1,
        max_length=MAX_CANDIDATES,
        help_text="Only these, by name or id. Without it the oldest 50 that fit.",
    )
    context = ContextField(  # type: ignore[assignment]  # DRF takes it out of the class
        required=False,
        help_text="Kept with the decision. `parameters` complete the actions'; of the rest, decisions learn from the "
        "members that your config declares in `features.context`: numbers, and others by their values.",
    )
    dispatch = BooleanField(required=False, default=False, help_text="Send the action at once.")
    dry_run = BooleanField(required=False, default=False, help_text="Write and send nothing, whatever `dispatch` says.")

    @property
    def wanted(self) -> Request:
        return Request(
            **{name: value for name, value in self.validated_data.items() if name not in ("dispatch", "dry_run")}
        )


class DecisionListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    user_id = StringField(required=False, max_length=255, allow_blank=True, help_text="Those for this user.")
    action_type_id = StringField(required=False, max_length=40, help_text="Those that chose this action type.")


class ExportQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    since = TimestampField(required=False, default=None, help_text="Those made after this time.")
    until = TimestampField(required=False, default=None, help_text="Those made before this time.")


class LiftQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    days = QueryIntegerField(required=False, default=30, min_value=1, max_value=365, help_text="How far to look back.")


# --- Answers --------------------------------------------------------------------------------------------------------


class CandidateSerializer(serializers.Serializer[Any]):
    action = serializers.CharField(allow_null=True, help_text="Null is to do nothing.")
    action_type_id = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="The expected reward.")
    confidence = serializers.FloatField(allow_null=True, help_text="The probability that it is the best one.")
    probability = serializers.FloatField(help_text="With which it was drawn.")
    excluded_because = serializers.CharField(allow_null=True, help_text="The guardrail that took it away.")


class AppliedGuardrailSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    detail = serializers.CharField()


class UsedModelSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    prior_share = serializers.FloatField(
        allow_null=True, help_text="How much of what is known of the choice is prior; the rest is your own data."
    )


class RecommendationSerializer(serializers.Serializer[Any]):
    decision_id = serializers.CharField(allow_null=True, help_text="Null in a dry run.")
    action = serializers.CharField(
        allow_null=True, help_text="Null: the best is to do nothing, or a guardrail says so."
    )
    action_type_id = serializers.CharField(allow_null=True)
    parameters = ObjectField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True, help_text="The probability that the choice is the best one.")
    propensity = serializers.FloatField(help_text="The probability with which it was drawn.")
    reasoning = serializers.CharField()
    candidates = CandidateSerializer(many=True)
    guardrails = AppliedGuardrailSerializer(many=True, help_text="Those that applied to all candidates.")
    model = UsedModelSerializer()
    action_id = serializers.CharField(allow_null=True, help_text="The dispatched action's.")
    dry_run = serializers.BooleanField()


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


class DecisionListSerializer(serializers.Serializer[Any]):
    decisions = DecisionSerializer(many=True)
    total = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    next_cursor = serializers.CharField(allow_null=True)


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


class ShareSerializer(serializers.Serializer[Any]):
    users = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class LiftSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    conversion_event = serializers.CharField(allow_null=True, help_text="`config.conversion.event`; null without one.")
    treated = ShareSerializer()
    holdout = ShareSerializer()
    difference = DifferenceSerializer(allow_null=True, help_text="Null while one of the two has no users.")


class LiftResponseSerializer(serializers.Serializer[Any]):
    lift = LiftSerializer()

"""Recommendations on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from decisions.recommending.situation import MAX_CANDIDATES, Request
from integrations.parameters import checking
from retivo.api.schema import JSON_VALUE
from retivo.api.serializers import BooleanField, ObjectField, StrictSerializer, StringField

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
                "description": "Parameters by an action type's name or id, of each at most 16 KiB; they go before its "
                "schema's defaults.",
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
        refuse_large_parameters(by_action)
        return value


def refuse_large_parameters(by_action: dict[str, Any]) -> None:
    """Raises DRF's ValidationError, from what holds `parameters`, with each that no check would take."""
    faults = [(name, checking.size_fault(each)) for name, each in by_action.items()]
    if large := {name: [serializers.ErrorDetail(f["detail"], f["code"])] for name, f in faults if f is not None}:
        raise serializers.ValidationError({"parameters": large})


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

"""Roll-outs on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.models import RolloutStatus
from integrations.rollouts.services import MAX_STAGES, left, stage_number
from partners.customers.filters import CustomerFilterSerializer
from partners.revisions.serializers import MAX_NUMBER, ReasonSerializer
from retivo.api.pagination import CursorField, NameCursor, PageSerializer
from retivo.api.serializers import (
    BooleanField,
    IntegerField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
)
from tenants.deletion.named import EXTERNAL

ALL = "all"
MAX_NAMED = 1000


class EmptySerializer(StrictSerializer):
    """A body without members."""


class PartSerializer(StrictSerializer):
    """Exactly one member, as `ToField` has it in OpenAPI."""

    percent = IntegerField(required=False, min_value=1, max_value=100)
    customer_ids = serializers.ListField(
        child=StringField(max_length=300), required=False, min_length=1, max_length=MAX_NAMED
    )
    filter = CustomerFilterSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            message = "Must have exactly one of: percent, customer_ids, filter."
            raise serializers.ValidationError(message, code="not_one")
        return attrs


_ONE_OF_PARTS = {
    "type": "object",
    "description": "Exactly one member.",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "percent": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "description": "Of those that have the integration.",
        },
        "customer_ids": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_NAMED,
            "items": {"type": "string", "minLength": 1, "maxLength": 300},
            "description": f"`tenant_id`s, or `{EXTERNAL}` and external ids.",
        },
        "filter": {"$ref": "#/components/schemas/CustomerFilter"},
    },
}


@extend_schema_field({"oneOf": [{"const": ALL}, _ONE_OF_PARTS]}, component_name="RolloutTarget")
class ToField(serializers.Field[Any, Any, Any, Any]):
    """`"all"`, or a part."""

    default_error_messages = {"invalid": 'Must be "all", or an object.'}

    def to_internal_value(self, data: Any) -> Any:
        if data == ALL:
            return data
        if not isinstance(data, dict):
            self.fail("invalid")
        part = PartSerializer(data=data)
        part.is_valid(raise_exception=True)
        return part.validated_data

    def to_representation(self, value: Any) -> Any:
        return value


class StageSerializer(StrictSerializer):
    percent = IntegerField(min_value=1, max_value=100, help_text="Of those that the roll-out moves; rising.")
    wait_minutes = IntegerField(
        required=False, default=0, min_value=0, max_value=43_200, help_text="Before the next stage."
    )


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 1})
class RateField(serializers.FloatField):
    """A JSON number from 0 to 1."""

    default_error_messages = {"not_a_number": "Must be a number."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=1, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("not_a_number")
        return super().to_internal_value(data)


class GuardSerializer(StrictSerializer):
    max_failure_rate = RateField(help_text="Above it the roll-out stops: of actions tried under the revision.")
    min_actions = IntegerField(
        required=False, default=20, min_value=1, max_value=10_000, help_text="It is not judged by fewer."
    )


class RolloutRequestSerializer(StrictSerializer):
    revision = IntegerField(min_value=1, max_value=MAX_NUMBER, help_text="To which one.")
    to = ToField(help_text="Whom: all that have it now and until it is over, or a part. There is no default.")
    stages = StageSerializer(  # type: ignore[call-arg]  # of the list it makes
        many=True,
        required=False,
        default=list,
        max_length=MAX_STAGES,
        help_text="All are moved after the last one; without stages, at once.",
    )
    guard = GuardSerializer(required=False, allow_null=True, default=None)
    dry_run = BooleanField(required=False, default=False, help_text="Only says what it would do.")

    def validate_stages(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for place in range(1, len(value)):
            if value[place]["percent"] <= value[place - 1]["percent"]:
                error = serializers.ErrorDetail("Must be more than the stage before.", "not_rising")
                raise serializers.ValidationError({str(place): {"percent": [error]}})
        return value


class GuardSeenSerializer(serializers.Serializer[Any]):
    actions = serializers.IntegerField(help_text="Tried under the revision, for customers that were moved.")
    failed = serializers.IntegerField(help_text="Of these, failed so far; one may still be delivered later.")
    failure_rate = serializers.FloatField()


class ShownStageSerializer(serializers.Serializer[Any]):
    percent = serializers.IntegerField()
    wait_minutes = serializers.IntegerField()


class ShownGuardSerializer(serializers.Serializer[Any]):
    max_failure_rate = serializers.FloatField()
    min_actions = serializers.IntegerField()


_ONE_OF_SHOWN = {
    "type": "object",
    "description": "Exactly one member. What was asked for, without what names a customer.",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "percent": {"type": "integer"},
        "customer_ids": {"type": "integer", "description": "How many were named."},
        "filter": {"type": "array", "items": {"type": "string"}, "description": "What it filtered by."},
    },
}


@extend_schema_field({"oneOf": [{"const": ALL}, _ONE_OF_SHOWN]})
class ShownToField(serializers.Field[Any, Any, Any, Any]):
    """As it was asked, without what names a customer."""

    def to_representation(self, value: Any) -> Any:
        return value


class RolloutSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    integration_id = serializers.UUIDField()
    revision = serializers.IntegerField()
    revision_before = serializers.IntegerField(help_text="What new customers had when it began.")
    to = ShownToField(source="target")
    stages = ShownStageSerializer(many=True)
    guard = ShownGuardSerializer(allow_null=True)
    status = serializers.ChoiceField(RolloutStatus.choices)
    stage = serializers.SerializerMethodField(help_text="From 1.")
    stage_ends_at = serializers.DateTimeField(
        allow_null=True,
        help_text="At the earliest: the guard may hold the stage up. Null while its customers are being moved.",
    )
    customers = serializers.IntegerField(source="total")
    moved = serializers.IntegerField(help_text="How many are at the revision by it.")
    left = serializers.SerializerMethodField(help_text="How many are still to be moved; once rolled back, back.")
    guard_seen = GuardSeenSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="Null while customers are still to be moved.")

    @extend_schema_field({"type": "integer"})
    def get_stage(self, rollout: Any) -> int:
        return stage_number(rollout)

    @extend_schema_field({"type": "integer"})
    def get_left(self, rollout: Any) -> int:
        return left(rollout)


class RolloutResponseSerializer(serializers.Serializer[Any]):
    rollout = RolloutSerializer()


class RolloutListSerializer(PageSerializer):
    rollouts = RolloutSerializer(many=True)


class RolloutListQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    limit = QueryIntegerField(required=False, default=50, min_value=1, max_value=100, help_text="Length of a page.")
    cursor = CursorField(of=NameCursor, required=False, help_text="`next_cursor` of the page before.")


class ConflictSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField(allow_null=True, help_text="Null of what concerns all.")
    action_type = serializers.CharField()
    code = serializers.CharField(
        help_text="`shadowed_by_own`: the customer has one of this name itself, which stays. "
        "`endpoint_not_certified`: the integration requires certified endpoints; refused until this one is."
    )


class DryRunSerializer(serializers.Serializer[Any]):
    revision = serializers.IntegerField()
    customers = serializers.IntegerField(help_text="How many would be moved.")
    compatibility = serializers.ChoiceField(["compatible", "breaking"], help_text="With what new customers have now.")
    reasons = ReasonSerializer(many=True)
    conflicts = ConflictSerializer(many=True, help_text="The first 100.")


class DryRunResponseSerializer(serializers.Serializer[Any]):
    dry_run = DryRunSerializer()

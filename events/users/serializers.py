"""End users on the wire."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.ingestion.batch import UNREACHABLE
from events.ingestion.traits import MAX_INTEGER, MAX_LENGTH, NAMED_TRAITS
from events.models import LifecycleStage, RiskLevel
from events.users.kept import USER, tables
from retivo.api.pagination import LookedAtPageSerializer, PageQuerySerializer
from retivo.api.schema import TEXT
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ObjectField,
    QueryBooleanField,
    StrictSerializer,
    StringField,
)


class ScoreField(serializers.FloatField):
    """A decimal from 0 to 1 in a query; Python's `nan`, `1_0` and `٠` are none there."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=1, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        if not _DECIMAL(data):
            self.fail("invalid")
        return super().to_internal_value(data)


_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?").fullmatch


class UserListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    search = StringField(
        required=False,
        max_length=MAX_LENGTH,
        help_text="What the id, name, email or company begins with, whatever its case.",
    )
    lifecycle_stage = ChoiceField(LifecycleStage.choices, required=False)
    stage = ChoiceField(LifecycleStage.choices, required=False, help_text="The same as `lifecycle_stage`.")
    risk_level = ChoiceField(RiskLevel.choices, required=False)
    risk = ChoiceField(RiskLevel.choices, required=False, help_text="The same as `risk_level`.")
    opted_out = QueryBooleanField(required=False, help_text="Whether the user wants no actions.")
    activation_min = ScoreField(required=False, help_text="The least `activation_score`.")
    activation_max = ScoreField(required=False, help_text="The greatest `activation_score`.")
    engagement_min = ScoreField(required=False, help_text="The least `engagement_score`.")
    engagement_max = ScoreField(required=False, help_text="The greatest `engagement_score`.")
    expansion_min = ScoreField(required=False, help_text="The least `expansion_score`.")
    expansion_max = ScoreField(required=False, help_text="The greatest `expansion_score`.")
    health_min = ScoreField(required=False, help_text="The least `health`.")
    health_max = ScoreField(required=False, help_text="The greatest `health`.")


_TEXT_TRAIT = {"type": ["string", "null"], "maxLength": MAX_LENGTH, "pattern": TEXT}


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            **{name: _TEXT_TRAIT for name in NAMED_TRAITS if name != "team_size"},
            "team_size": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_INTEGER},
        },
        "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
        "propertyNames": {"pattern": TEXT},
    }
)
class TraitsField(ObjectField):
    """Any traits; the named ones under their rules."""

    is_bounded = False  # once they are merged, with a 413 of their own


class TraitsSerializer(StrictSerializer):
    """What a request says of a user. A named trait may stand beside `traits` or in it, and is kept in both places."""

    name = StringField(required=False, allow_null=True, allow_blank=True, max_length=MAX_LENGTH)
    email = StringField(required=False, allow_null=True, allow_blank=True, max_length=MAX_LENGTH)
    company = StringField(required=False, allow_null=True, allow_blank=True, max_length=MAX_LENGTH)
    role = StringField(required=False, allow_null=True, allow_blank=True, max_length=MAX_LENGTH)
    team_size = IntegerField(required=False, allow_null=True, min_value=0, max_value=MAX_INTEGER)
    locale = StringField(required=False, allow_null=True, allow_blank=True, max_length=MAX_LENGTH)
    traits = TraitsField(
        required=False,
        help_text="Whatever you know of the user, merged by JSON Merge Patch (RFC 7396): null removes. The named "
        "traits may stand here, too; what stands beside `traits` wins. A user's have at most 64 KiB in all.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leaves all traits, named or not, in `traits`."""
        traits, errors = attrs.setdefault("traits", {}), {}
        for name in NAMED_TRAITS:
            if name in traits:
                try:
                    traits[name] = self.fields[name].run_validation(traits[name])
                except serializers.ValidationError as error:
                    errors[name] = error.detail
            if name in attrs:
                traits[name] = attrs.pop(name)
        if errors:
            raise serializers.ValidationError({"traits": errors})
        return attrs


class UserRequestSerializer(TraitsSerializer):
    user_id = StringField(
        max_length=MAX_LENGTH, help_text="Your name of the user, as in events. `stats`, `.` and `..` are taken."
    )

    def validate_user_id(self, user_id: str) -> str:
        if user_id in UNREACHABLE:
            raise serializers.ValidationError(f"`{user_id}` cannot be a path; give the user another id.", "reserved")
        return user_id


class UserPatchSerializer(TraitsSerializer):
    opted_out = BooleanField(
        required=False, help_text="The user wants no actions. Events are still taken, and the user is still metered."
    )


class NextActionSerializer(serializers.Serializer[Any]):
    channel = serializers.CharField()
    status = serializers.CharField()
    playbook = serializers.CharField(allow_null=True)


class TrackedUserSerializer(serializers.Serializer[Any]):
    """A text that is not known is empty; anything else that is not is null."""

    id = serializers.CharField(help_text="Your name of the user.")
    name = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    company = serializers.CharField(allow_blank=True)
    role = serializers.CharField(allow_blank=True)
    team_size = serializers.IntegerField(allow_null=True)
    locale = serializers.CharField(allow_blank=True)
    opted_out = serializers.BooleanField()
    lifecycle_stage = serializers.ChoiceField(LifecycleStage.choices)
    stage_changed_at = serializers.DateTimeField()
    health = serializers.FloatField()
    activation_score = serializers.FloatField(min_value=0, max_value=1)
    engagement_score = serializers.FloatField(min_value=0, max_value=1)
    expansion_score = serializers.FloatField(min_value=0, max_value=1)
    risk_level = serializers.ChoiceField(RiskLevel.choices)
    last_activity_at = serializers.DateTimeField(
        allow_null=True, help_text="Up to five minutes behind; null before any event but `$identify`."
    )
    created_at = serializers.DateTimeField()
    traits = serializers.DictField(help_text="All traits as they were sent, the named ones too.")
    next_action = NextActionSerializer(allow_null=True)


class MilestoneSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    reached_at = serializers.DateTimeField(allow_null=True)


class TrackedUserDetailSerializer(TrackedUserSerializer):
    milestones = MilestoneSerializer(many=True)


class UserListSerializer(LookedAtPageSerializer):
    customers = TrackedUserSerializer(many=True)


class UserResponseSerializer(serializers.Serializer[Any]):
    customer = TrackedUserDetailSerializer()


class SavedUserSerializer(serializers.Serializer[Any]):
    user = TrackedUserDetailSerializer()


class RiskCountsSerializer(serializers.Serializer[Any]):
    low = serializers.IntegerField()
    medium = serializers.IntegerField()
    high = serializers.IntegerField()


class UserCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    new = serializers.IntegerField()
    onboarding = serializers.IntegerField()
    active = serializers.IntegerField()
    at_risk = serializers.IntegerField()
    churned = serializers.IntegerField()
    recovered = serializers.IntegerField()
    by_risk_level = RiskCountsSerializer()


class UserStatsSerializer(serializers.Serializer[Any]):
    stats = UserCountsSerializer()


class ErasedSerializer(serializers.Serializer[Any]):
    erased = serializers.BooleanField(help_text="Always true: nothing of the user is left, whether or not there was.")
    existed = serializers.BooleanField(help_text="Whether there was anything of the user.")


class ExportedUserSerializer(serializers.Serializer[Any]):
    """A member for each table of `events.users.kept`, whose rows are as they are stored."""

    user_id = serializers.CharField()
    exported_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        for table in tables():
            is_user = table.name == USER
            fields[table.name] = (
                serializers.DictField(allow_null=True, help_text="Null where there are only traces of such a user.")
                if is_user
                else serializers.ListField(child=serializers.DictField())
            )
        return fields

"""Playbooks and interventions on the wire."""

from typing import Any

from rest_framework import serializers

from decisions.models import Channel, InterventionStatus, LifecycleArea, PlaybookStatus
from decisions.playbooks import conditions
from decisions.recommending.serializers import refuse_large_parameters
from retivo.api.forward import ForwardPageQuerySerializer
from retivo.api.pagination import CursorField, LookedAtPageSerializer, PageQuerySerializer
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ObjectField,
    StrictSerializer,
    StringField,
    UUIDField,
    pattern,
)

TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class ConditionsField(ObjectField):
    """Conditions on a user; each fault is named by its pointer. `decisions.ledger.schema` describes them."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        try:
            conditions.compile_conditions(value)
        except conditions.InvalidConditionsError as error:
            raise serializers.ValidationError(_nested(error)) from error
        return value


def _nested(error: conditions.InvalidConditionsError) -> dict[str, Any]:
    """The faults as the serializers above them expect theirs: below each member's name."""
    nested: dict[str, Any] = {}
    for fault in error.errors:
        *path, last = fault["pointer"].split("/")[1:] or ["non_field_errors"]
        node = nested
        for token in path:
            node = node.setdefault(_unescaped(token), {})
        node[_unescaped(last)] = [serializers.ErrorDetail(fault["detail"], fault["code"])]
    return nested


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


class HintsField(ObjectField):
    """Anything; where it has `parameters` as a recommendation's context has them, they are as large as those may be."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if isinstance(parameters := value.get("parameters"), dict):
            refuse_large_parameters(parameters)
        return value


class QuietHoursSerializer(StrictSerializer):
    # `from` is a Python keyword; get_fields() names it.
    def get_fields(self) -> dict[str, Any]:
        at = [pattern(TIME_OF_DAY, "Must be a time of day, `HH:MM`.")]
        return {
            "from": StringField(max_length=5, validators=at, help_text="The user's own time of day."),
            "to": StringField(max_length=5, validators=at, help_text="May lie before `from`: over midnight."),
        }


class ConstraintsSerializer(StrictSerializer):
    cooldown_days = IntegerField(
        required=False, min_value=0, max_value=3650, help_text="Since the playbook's last intervention for the user."
    )
    max_per_user = IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Interventions of this playbook for one user."
    )
    period_days = IntegerField(
        required=False, min_value=1, max_value=3650, help_text="In how many days: by default ever. Alone: at most one."
    )
    quiet_hours = QuietHoursSerializer(required=False, help_text="No intervention is planned or begun in them.")
    needs_approval = BooleanField(required=False, help_text="Each intervention waits until it is approved.")
    delays_days = serializers.ListField(
        child=IntegerField(min_value=0, max_value=3650),
        required=False,
        min_length=1,
        max_length=10,
        help_text=(
            "An intervention is due so many days after a user entered; for a win-back, after they churned. "
            "By default at once; for a win-back after 7, 30 and 60 days."
        ),
    )


class PlaybookChangeSerializer(StrictSerializer):
    """What is given replaces what was there."""

    name = StringField(required=False, max_length=200)
    lifecycle_area = ChoiceField(LifecycleArea.choices, required=False)
    entry_conditions = ConditionsField(required=False, help_text="A user enters when they hold.")
    exit_conditions = ConditionsField(
        required=False, help_text="A user leaves when they hold; without any, when the entry conditions do not."
    )
    constraints = ConstraintsSerializer(required=False)
    strategy_hints = HintsField(required=False, help_text="For what chooses the action; kept as it is.")


class PlaybookRequestSerializer(PlaybookChangeSerializer):
    name = StringField(max_length=200)


class PlaybookStatusRequestSerializer(StrictSerializer):
    status = ChoiceField(PlaybookStatus.choices)


class InterventionRequestSerializer(StrictSerializer):
    user_id = StringField(max_length=255, allow_blank=True)
    playbook_id = UUIDField(required=False, allow_null=True, default=None)
    channel = ChoiceField(Channel.choices, required=False, default=Channel.EXTERNAL_ACTION)


class PlaybookListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")
    status = ChoiceField(PlaybookStatus.choices, required=False)
    lifecycle_area = ChoiceField(LifecycleArea.choices, required=False)


class InterventionListQuerySerializer(ForwardPageQuerySerializer):
    """Query parameters, all optional."""

    status = ChoiceField(InterventionStatus.choices, required=False)
    playbook_id = UUIDField(required=False, help_text="Those of this playbook.")
    user_id = StringField(required=False, max_length=255, allow_blank=True, help_text="Those for this user.")


# --- Answers --------------------------------------------------------------------------------------------------------


class PlaybookSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(PlaybookStatus.choices)
    lifecycle_area = serializers.ChoiceField(LifecycleArea.choices)
    entry_conditions = ConditionsField()
    exit_conditions = ConditionsField()
    constraints = ConstraintsSerializer()
    strategy_hints = ObjectField()
    created_at = serializers.DateTimeField()
    status_changed_at = serializers.DateTimeField()
    success_rate = serializers.FloatField(
        allow_null=True,
        help_text="The completed share of its newest 1,000 interventions that ended; null while none has.",
    )


class PlaybookListSerializer(LookedAtPageSerializer):
    playbooks = PlaybookSerializer(many=True)


class PlaybookResponseSerializer(serializers.Serializer[Any]):
    playbook = PlaybookSerializer()


class CreatedPlaybookSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(PlaybookStatus.choices)
    created_at = serializers.DateTimeField()


class ChangedPlaybookSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(PlaybookStatus.choices)


class ArchivedPlaybookSerializer(serializers.Serializer[Any]):
    archived = serializers.BooleanField()


class InterventionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    user_id = serializers.CharField()
    playbook_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(InterventionStatus.choices)
    channel = serializers.ChoiceField(Channel.choices)
    message_body = serializers.CharField(allow_null=True)
    reasoning = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    planned_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    flagged = serializers.BooleanField()
    flag_reason = serializers.CharField(allow_null=True)
    quality_checks = ObjectField(allow_null=True)


class InterventionListSerializer(LookedAtPageSerializer):
    interventions = InterventionSerializer(many=True)


class InterventionResponseSerializer(serializers.Serializer[Any]):
    intervention = InterventionSerializer()


class CreatedInterventionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(InterventionStatus.choices)
    channel = serializers.ChoiceField(Channel.choices)
    planned_at = serializers.DateTimeField()


class ChangedInterventionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(InterventionStatus.choices)

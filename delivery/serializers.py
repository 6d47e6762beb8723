"""Actions on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import ActionStatus, FailureReason, OutcomeReporter, OutcomeStatus
from delivery.services import ActionFilter
from retivo.api.forward import ForwardPageQuerySerializer
from retivo.api.pagination import LookedAtPageSerializer
from retivo.api.serializers import (
    ChoiceField,
    ObjectField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    TimestampField,
)


class ActionListQuerySerializer(ForwardPageQuerySerializer):
    """Query parameters, all optional."""

    status = ChoiceField(ActionStatus.choices, required=False)
    provider = StringField(required=False, max_length=63, help_text="Actions of this provider.")
    user_id = StringField(required=False, max_length=255, help_text="Actions for this user.")
    since = TimestampField(required=False, help_text="Created at this time (RFC 3339) or later.")
    limit = QueryIntegerField(required=False, default=50, min_value=1, max_value=100, help_text="How many, at most.")

    @property
    def where(self) -> ActionFilter:
        return ActionFilter(
            **{name: self.validated_data.get(name) for name in ("status", "provider", "user_id", "since")}
        )


class OutcomeRequestSerializer(StrictSerializer):
    status = ChoiceField(OutcomeStatus.choices, help_text="What came of it.")
    result = ObjectField(required=False, default=None, allow_null=True, help_text="More about it, as you like.")


class NothingSerializer(StrictSerializer):
    """A body that holds nothing."""


class OutcomeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(OutcomeStatus.choices, source="outcome_status")
    result = serializers.DictField(source="outcome_result", allow_null=True)
    reported_at = serializers.DateTimeField(source="outcome_at")
    reported_by = serializers.SerializerMethodField(
        help_text="`tenant`: with its key; `partner`: with its partner's key; `outcome_url`: at the action's own URL; "
        "`answer`: in the receiver's answer to the webhook."
    )

    @extend_schema_field(serializers.ChoiceField(OutcomeReporter.choices))
    def get_reported_by(self, action: Any) -> Any:
        return action.outcome_by or OutcomeReporter.TENANT  # of before others could


class ActionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(ActionStatus.choices)
    action_type = serializers.CharField()
    action_type_id = serializers.CharField()
    provider = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    user_id = serializers.CharField()
    decision_id = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(
        allow_blank=True, help_text="`X-Request-Id` of the request that dispatched it, or the id of a job."
    )
    parameters = serializers.DictField()
    attempts = serializers.IntegerField(help_text="Begun so far.")
    due_at = serializers.SerializerMethodField(help_text="The next attempt, where there is to be one.")
    failure_reason = serializers.SerializerMethodField(
        help_text=f"Why it failed, where it did: {', '.join(f'`{reason}`' for reason in FailureReason.values)}."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="After this it is not sent any more.")
    delivered_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_due_at(self, action: Any) -> Any:
        return action.due_at if action.status in (ActionStatus.PENDING, ActionStatus.DISPATCHED) else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_failure_reason(self, action: Any) -> Any:
        return action.failure_reason or None

    @extend_schema_field(OutcomeSerializer(allow_null=True))
    def get_outcome(self, action: Any) -> Any:
        return OutcomeSerializer(action).data if action.outcome_status else None


class AttemptSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    latency_ms = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.SerializerMethodField(help_text="Why there was no answer, where there was none.")
    response = serializers.CharField(allow_blank=True, help_text="The answer's first KiB; empty after 30 days.")
    outcome_refusal = serializers.SerializerMethodField(
        help_text="The code of what is wrong with the outcome in the answer, where there was one that was not taken."
    )

    @extend_schema_field({"type": ["string", "null"]})
    def get_error(self, attempt: Any) -> Any:
        return attempt.error or None

    @extend_schema_field({"type": ["string", "null"]})
    def get_outcome_refusal(self, attempt: Any) -> Any:
        return attempt.outcome_refusal or None


class ActionListSerializer(LookedAtPageSerializer):
    actions = ActionSerializer(many=True)


class ActionDetailSerializer(ActionSerializer):
    delivery_attempts = AttemptSerializer(many=True, help_text="Those recorded, the first one first.")


class ActionDetailResponseSerializer(serializers.Serializer[Any]):
    action = ActionDetailSerializer()


class OutcomeResponseSerializer(serializers.Serializer[Any]):
    recorded = serializers.BooleanField()
    action_id = serializers.CharField()
    outcome_status = serializers.ChoiceField(OutcomeStatus.choices)


class ReplayResponseSerializer(serializers.Serializer[Any]):
    action = ActionSerializer()

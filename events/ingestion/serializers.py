"""Events on the wire, for OpenAPI alone: `events.ingestion.batch` reads them, faster and one by one."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.ingestion.batch import MAX_EVENTS
from retivo.api.serializers import MonthField, StrictSerializer
from tenants.models import PlanTier
from tenants.serializers import ApiKeySerializer, TenantResponseSerializer

_NAME = {"type": "string", "minLength": 1, "maxLength": 255}

# An event of another shape is refused in the answer, not by its status: so any value may stand there.
_EVENTS: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_EVENTS,
    "items": {
        "anyOf": [
            {
                "type": "object",
                "title": "Event",
                "required": ["user_id", "event"],
                "properties": {
                    "user_id": {**_NAME, "description": "Your name of the user. `stats`, `.` and `..` are taken."},
                    "event": {
                        **_NAME,
                        "description": "`$identify` merges `properties` into the user's traits; null removes.",
                    },
                    "properties": {"type": "object", "additionalProperties": True},
                    "timestamp": {
                        "type": "string",
                        "format": "date-time",
                        "description": "When it happened; now by default, at most 24 hours ahead.",
                    },
                    "idempotency_key": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 128,
                        "description": "One event for at least 48 hours, whatever its timestamp.",
                    },
                    "set": {
                        "type": "object",
                        "additionalProperties": True,
                        "description": "Merged into the user's traits, whatever the event; null removes.",
                    },
                    "set_once": {
                        "type": "object",
                        "additionalProperties": True,
                        "description": "The same, where the user has no trait of that name.",
                    },
                },
            },
            {"title": "Rejected", "description": "Anything else is listed in `rejected`; its neighbours are taken."},
        ]
    },
}


@extend_schema_field(_EVENTS)
class EventsField(serializers.JSONField):
    pass


class TrackBatchSerializer(serializers.Serializer[Any]):
    events = EventsField()


class ExternalBatchSerializer(TrackBatchSerializer):
    provider = serializers.CharField(max_length=255, help_text="Whose event mappings apply.")


class RejectionSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="In the batch as sent, from 0.")
    code = serializers.CharField()
    detail = serializers.CharField()
    current = serializers.IntegerField(required=False, help_text="Above a plan's limit: active users this month.")
    limit = serializers.IntegerField(required=False, help_text="Above a plan's limit: the plan's.")
    upgrade_to = serializers.ChoiceField(
        PlanTier.choices, required=False, allow_null=True, help_text="Above a plan's limit: the next plan."
    )


class BatchOutcomeSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectionSerializer(many=True)


def month_field() -> MonthField:
    return MonthField(required=False, help_text="Of what is used, in UTC; the present one if it is left out.")


class UsageQuerySerializer(StrictSerializer):
    month = month_field()


class UsageSerializer(serializers.Serializer[Any]):
    """What a tenant used in a month, exactly."""

    month = serializers.RegexField(r"^[0-9]{4}-[0-9]{2}$", help_text="In UTC: the one asked for, or the present one.")
    active_users = serializers.IntegerField(help_text="Distinct users with an event in it.")
    limit = serializers.IntegerField(help_text="How many there may be; more where `config.overage` is `allow`.")
    events = serializers.IntegerField(help_text="Events taken in.")


class SettingsSerializer(TenantResponseSerializer):
    api_keys = ApiKeySerializer(many=True)
    usage = UsageSerializer()

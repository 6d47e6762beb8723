"""The partner's reports of outcomes on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import OutcomeStatus
from delivery.serializers import OutcomeRequestSerializer
from retivo.api.errors import Problem
from retivo.api.serializers import StrictSerializer, StringField, pattern

MAX_OUTCOMES = 100


class OutcomeOfActionSerializer(OutcomeRequestSerializer):
    action_id = StringField(
        validators=[pattern("^ea_[0-9a-f]{32}$", "Must be the id of an action: `ea_` and 32 hex digits.")]
    )


# One of another shape is refused in the answer, not by its status: so any value may stand there.
_OUTCOMES: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_OUTCOMES,
    "items": {
        "anyOf": [
            {
                "type": "object",
                "title": "Outcome",
                "required": ["action_id", "status"],
                "additionalProperties": False,
                "properties": {
                    "action_id": {"type": "string", "pattern": "^ea_[0-9a-f]{32}$"},
                    "status": {"type": "string", "enum": OutcomeStatus.values},
                    "result": {
                        "type": ["object", "null"],
                        "additionalProperties": True,
                        "description": "More about it, as you like. At most 64 KiB of JSON without blanks.",
                    },
                },
            },
            {"title": "Rejected", "description": "Anything else is listed in `rejected`; its neighbours are taken."},
        ]
    },
}


@extend_schema_field(_OUTCOMES)
class OutcomesField(serializers.JSONField):
    """A list of anything, not longer than it may be."""

    default_error_messages = {"not_a_list": "Must be a list."}

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if len(data) > MAX_OUTCOMES:
            detail = f"A batch holds at most {MAX_OUTCOMES} outcomes; this one has {len(data)}."
            raise Problem(413, "batch_too_large", detail)
        return data


class OutcomesRequestSerializer(StrictSerializer):
    outcomes = OutcomesField()


class RejectedOutcomeSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="In the batch as sent, from 0.")
    code = serializers.CharField(help_text="`not_found`, or what is wrong with the first faulty field.")
    detail = serializers.CharField()


class OutcomesResponseSerializer(serializers.Serializer[Any]):
    recorded = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Of actions whose outcome was recorded before: the first stands.")
    rejected = RejectedOutcomeSerializer(many=True)

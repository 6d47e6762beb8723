"""The partner's reports of outcomes on the wire."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import OutcomeStatus
from delivery.serializers import OutcomeRequestSerializer
from retivo.api import values
from retivo.api.errors import Problem
from retivo.api.json import decode
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
    """A list of anything."""

    default_error_messages = {"not_a_list": "Must be a list."}

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        return data


class OutcomesRequestSerializer(StrictSerializer):
    outcomes = OutcomesField()


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    outcomes: list[msgspec.Raw]


def read(body: bytes) -> list[bytes]:
    """The outcomes in a request's body, each as its own JSON: one that cannot be read sinks no other.

    Raises:
        Problem: 400 if the body is no batch, 413 if it has more than `MAX_OUTCOMES`.
    """
    try:
        outcomes = msgspec.json.decode(values.shallow(body), type=_Batch).outcomes
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        OutcomesRequestSerializer(data=decode(body)).is_valid(raise_exception=True)  # says what is wrong
        raise Problem(400, "malformed_json", "The body is not a batch of outcomes.") from error
    if len(outcomes) > MAX_OUTCOMES:
        detail = f"A batch holds at most {MAX_OUTCOMES} outcomes; this one has {len(outcomes)}."
        raise Problem(413, "batch_too_large", detail)
    return [bytes(outcome) for outcome in outcomes]


class RejectedOutcomeSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="In the batch as sent, from 0.")
    code = serializers.CharField(help_text="`not_found`, or what is wrong with the first faulty field.")
    detail = serializers.CharField()


class OutcomesResponseSerializer(serializers.Serializer[Any]):
    recorded = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Of actions whose outcome was recorded before: the first stands.")
    rejected = RejectedOutcomeSerializer(many=True)

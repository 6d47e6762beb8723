"""Revisions of integrations on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.serializers import (
    ActionTypeTemplateSerializer,
    EventMappingSerializer,
    IntegrationContentSerializer,
)
from retivo.api.pagination import PageSerializer
from retivo.api.serializers import QueryIntegerField, StrictSerializer, StringField

MAX_NUMBER = 2**31 - 1


class RevisionRequestSerializer(IntegrationContentSerializer):
    """What is left out stays as in the revision that all customers have."""

    note = StringField(
        required=False, default="", allow_blank=True, max_length=500, help_text="What changed, for people."
    )


class RevisionListQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    limit = QueryIntegerField(required=False, default=50, min_value=1, max_value=100, help_text="Length of a page.")
    cursor = QueryIntegerField(
        required=False, min_value=1, max_value=MAX_NUMBER, help_text="`next_cursor` of the page before."
    )


class RevisionQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    against = QueryIntegerField(
        required=False,
        min_value=1,
        max_value=MAX_NUMBER,
        help_text="The revision to compare it to; without it, `base`.",
    )


class ReasonSerializer(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="JSON Pointer; action types, parameters and mappings by their names.")
    code = serializers.CharField(help_text="Stable, for programs, e.g. `parameter_required`.")


_CHANGES = {
    "type": "object",
    "required": ["added", "removed", "changed"],
    "properties": {
        "added": {"type": "array", "items": {"type": "string"}},
        "removed": {"type": "array", "items": {"type": "string"}},
        "changed": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "fields"],
                "properties": {
                    "name": {"type": "string"},
                    "fields": {
                        "type": "object",
                        "description": "By name: `{from, to}`.",
                        "additionalProperties": {"type": "object", "required": ["from", "to"]},
                    },
                },
            },
        },
    },
}
_DIFF = {
    "type": ["object", "null"],
    "required": ["action_types", "event_mappings"],
    "properties": {"action_types": _CHANGES, "event_mappings": _CHANGES},
}


@extend_schema_field(_DIFF)
class DiffField(serializers.Field[Any, Any, Any, Any]):
    """As `integrations.revisions.comparing` has it."""

    def to_representation(self, value: Any) -> Any:
        return value


class RevisionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    base = serializers.IntegerField(
        allow_null=True, help_text="What it is compared to: the revision that all had when it was published."
    )
    note = serializers.CharField(allow_blank=True)
    compatibility = serializers.ChoiceField(["compatible", "breaking"], help_text="With `base`.")
    reasons = ReasonSerializer(many=True, help_text="Why it is breaking.")
    diff = DiffField(allow_null=True, help_text="What differs from `base`; null of the first revision.")
    action_type_templates = ActionTypeTemplateSerializer(many=True)
    event_mappings = EventMappingSerializer(many=True)
    created_at = serializers.DateTimeField()


class RevisionResponseSerializer(serializers.Serializer[Any]):
    revision = RevisionSerializer()


class ListedRevisionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    base = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    customers = serializers.IntegerField(help_text="How many have it.")
    created_at = serializers.DateTimeField()


class RevisionListSerializer(PageSerializer):
    revisions = ListedRevisionSerializer(many=True)

"""The feed on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.events.services import EventFilter
from partners.fields import CustomerReferenceField
from retivo.api.serializers import QueryIntegerField, StrictSerializer, StringField, pattern
from tenants import catalogue
from tenants.audit.serializers import ACTOR_TYPES


@extend_schema_field({"type": "string"})
class TypesField(StringField):
    """Names of event types with commas between them."""

    def to_internal_value(self, data: Any) -> Any:
        return known_types(super().to_internal_value(data).split(","))


def known_types(names: list[str]) -> list[str]:
    """Raises ValidationError for a type that the catalogue has not."""
    for name in names:
        if name not in catalogue.EVENTS:
            message = f"`{name[:64]}` is not an event type; GET /api/partners/event-types lists them."
            raise serializers.ValidationError(message, code="unknown_event_type")
    return sorted(set(names))


def event_id_field(**more: Any) -> StringField:
    form = pattern(r"^evt_[0-9A-Za-z]{1,36}$", "Must be the id of an event, `evt_…`.")
    return StringField(validators=[form], **more)


class EventListQuerySerializer(StrictSerializer):
    after = event_id_field(
        required=False, help_text="The id of an event: those behind it. Without it from the oldest on."
    )
    types = TypesField(required=False, help_text="Names of types with commas between them: only these.")
    customer_id = CustomerReferenceField(
        required=False, help_text="Of this customer alone: its `tenant_id`, or `ext:` and your own id."
    )
    limit = QueryIntegerField(
        required=False, default=100, min_value=1, max_value=1000, help_text="The length of a page."
    )

    @property
    def where(self) -> EventFilter:
        return EventFilter(types=self.validated_data.get("types"), customer=self.validated_data.get("customer_id"))


class EventCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True, help_text="As it was then.")


class EventActorSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=ACTOR_TYPES)
    id = serializers.CharField(required=False, help_text="Of an API key or a client token.")


class PartnerEventSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    seq = serializers.IntegerField(help_text="Counts your events without gaps, in the order in which they happened.")
    type = serializers.CharField()
    version = serializers.IntegerField(help_text="Of the type.")
    created_at = serializers.DateTimeField()
    customer = EventCustomerSerializer(allow_null=True, help_text="Null of an event about yourself.")
    actor = EventActorSerializer()
    request_id = serializers.CharField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]  # a field of that name
    previous = serializers.DictField(
        required=False,
        help_text="Where values changed: what the fields of `data.changed`, or members of `data`, were before.",
    )


class PartnerEventListSerializer(serializers.Serializer[Any]):
    events = PartnerEventSerializer(many=True)
    next_cursor = serializers.CharField(
        allow_null=True, help_text="If there is more now: what to send as `after`. A page may be short before the end."
    )
    next_after = serializers.CharField(
        allow_null=True, help_text="What to send as `after` next, now or later: the last event that was looked at."
    )


class EventTypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.IntegerField(help_text="Rises with changes that a reader of the one before misunderstands.")
    description = serializers.CharField()
    since = serializers.DateField()
    schema = serializers.DictField(help_text="JSON Schema 2020-12 of `data`.")
    example = serializers.DictField(help_text="Of `data`.")


class EventTypeListSerializer(serializers.Serializer[Any]):
    event_types = EventTypeSerializer(many=True)
    total = serializers.IntegerField()
    next_cursor = serializers.CharField(allow_null=True)

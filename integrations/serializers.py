"""What a partner or a tenant registers, as it stands on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations import holding, webhook_url
from integrations.fields import (
    DESCRIPTION,
    KIND,
    KIND_SOURCE,
    PARAMETERS,
    WEBHOOK,
    CostField,
    ParametersSchemaField,
    RenamedPropertiesField,
    WebhookField,
    cost_field,
    domain_field,
    kind_field,
    name_field,
    provider_field,
)
from integrations.models import KindSource
from retivo.api.serializers import BooleanField, ChoiceField, IntegerField, StrictSerializer, StringField
from retivo.api.values import MAX_OBJECT_BYTES, is_large
from tenants.serializers import HeldSerializer

MAX_TEMPLATES = 100

MAX_MAPPINGS = 500


class ActionTypeTemplateRequestSerializer(StrictSerializer):
    name = name_field(help_text="Action type name, snake_case, unique in the integration.")
    description = StringField(required=False, default="", allow_blank=True, max_length=2000, help_text=DESCRIPTION)
    parameters_schema = ParametersSchemaField(required=False, default=dict, help_text=PARAMETERS)
    delivery_webhook = WebhookField(max_length=webhook_url.MAX_LENGTH, help_text=WEBHOOK)
    estimated_cost_usd = cost_field()
    kind = kind_field()
    kind_source = ChoiceField(
        KindSource.values,
        required=False,
        help_text="As an answer has it, so that you can send one back: what was proposed counts as left out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.pop("kind_source", None) == KindSource.PROPOSED:
            attrs.pop("kind", None)
        return attrs


class EventMappingSerializer(StrictSerializer):
    # `from` is a Python keyword; get_fields() names it.
    to = StringField(max_length=200, help_text="The event's name in Retivo.")
    properties = RenamedPropertiesField(
        required=False,
        help_text="Names of properties: theirs → Retivo's. A renamed one replaces what was sent under the new name.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": StringField(max_length=200, help_text="The event's name on your platform."),
            **super().get_fields(),
        }


class IntegrationContentSerializer(StrictSerializer):
    """What a revision of an integration holds."""

    action_type_templates = ActionTypeTemplateRequestSerializer(  # type: ignore[call-arg]  # of the list it makes
        many=True, required=False, max_length=MAX_TEMPLATES, help_text="All action types."
    )
    event_mappings = EventMappingSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_MAPPINGS, help_text="Event names, theirs to Retivo's."
    )

    def validate_action_type_templates(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _refuse_repeats(value, "name")
        return value

    def validate_event_mappings(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _refuse_repeats(value, "from")
        if is_large(value):
            message = f"Must be at most {MAX_OBJECT_BYTES // 1024} KiB of JSON in all."
            raise serializers.ValidationError(message, code="too_large")
        return value


class IntegrationRequestSerializer(IntegrationContentSerializer):
    provider = provider_field(help_text="Your platform identifier; unique among your integrations.")
    display_name = StringField(max_length=200, help_text="Name shown to customers.")
    domain = domain_field()
    action_type_templates = ActionTypeTemplateRequestSerializer(  # type: ignore[call-arg]  # of the list it makes
        many=True, required=False, default=list, max_length=MAX_TEMPLATES, help_text="Registered for every customer."
    )
    event_mappings = EventMappingSerializer(  # type: ignore[call-arg]
        many=True, required=False, default=list, max_length=MAX_MAPPINGS, help_text="Event names, theirs to Retivo's."
    )
    require_certification = BooleanField(
        required=False, default=False, help_text="Shared once all of its endpoints are certified, and not before."
    )


class ActionTypeTemplateSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    parameters_schema = serializers.DictField(help_text="JSON Schema 2020-12, also where the flat form was sent.")
    delivery_webhook = serializers.CharField()
    estimated_cost_usd = CostField(allow_null=True)
    kind = serializers.CharField(allow_null=True, help_text=KIND)
    kind_source = serializers.ChoiceField(KindSource.values, help_text=KIND_SOURCE)


class HeldInIntegrationSerializer(HeldSerializer):
    action_type = serializers.CharField(allow_null=True, help_text="null: all of the integration.")


class IntegrationSerializer(serializers.Serializer[Any]):
    """An integration as it is shown; never with its secret."""

    id = serializers.UUIDField()
    provider = serializers.CharField()
    display_name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    held = serializers.SerializerMethodField(
        help_text="Your switches that are on for it or for its action types: nothing of these is sent, whichever "
        "customer has it."
    )
    revision = serializers.IntegerField(help_text="The newest that was rolled out to all: new customers get it.")
    action_type_templates = ActionTypeTemplateSerializer(many=True, source="current", help_text="Of that revision.")
    event_mappings = EventMappingSerializer(many=True, source="current_mappings", help_text="Of that revision.")
    require_certification = serializers.BooleanField()
    customers_shared = serializers.IntegerField(help_text="How many of your customers have it.")
    deprecated_at = serializers.DateTimeField(allow_null=True, help_text="Since then it cannot be shared any more.")
    sunset_at = serializers.DateTimeField(allow_null=True, help_text="When it ends for those who have it.")
    created_at = serializers.DateTimeField()

    @extend_schema_field(HeldInIntegrationSerializer(many=True))
    def get_held(self, integration: Any) -> list[dict[str, Any]]:
        return [
            {**switch, "action_type": None if name == holding.WHOLE else name}
            for name in (holding.WHOLE, *integration.held_names)
            for switch in holding.said(integration.held, name)
        ]


class RegisteredIntegrationSerializer(IntegrationSerializer):
    webhook_secret = serializers.CharField(help_text="Signs what is sent to you. 64 hex characters, shown this once.")


class RotateSecretRequestSerializer(StrictSerializer):
    overlap_hours = IntegerField(
        required=False,
        default=24,
        min_value=0,
        max_value=168,
        help_text="For so long the secret before signs too; 0 where it leaked.",
    )


class RotatedSecretSerializer(serializers.Serializer[Any]):
    webhook_secret = serializers.CharField(help_text="64 hex characters, shown this once.")
    previous_secret_until = serializers.DateTimeField(help_text="Until then the secret before signs too.")


def _refuse_repeats(items: list[dict[str, Any]], field: str) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        if first.setdefault(item[field], index) != index:
            message = f"Must be unique; item {first[item[field]]} has it already."
            raise serializers.ValidationError({str(index): {field: [serializers.ErrorDetail(message, "not_unique")]}})

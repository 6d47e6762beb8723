"""What a partner registers, as it stands on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations import parameters_schema, webhook_url
from integrations.models import PROVIDER, SNAKE_CASE
from integrations.schema import PARAMETERS_SCHEMA, RENAMED_PROPERTIES
from retivo.api.serializers import ObjectField, StrictSerializer, StringField, pattern

MAX_TEMPLATES = 100
MAX_MAPPINGS = 500


@extend_schema_field(PARAMETERS_SCHEMA, component_name="ParametersSchema")
class ParametersSchemaField(ObjectField):
    """Normalized to JSON Schema."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            return parameters_schema.normalize(super().to_internal_value(data))
        except parameters_schema.InvalidSchemaError as error:
            raise serializers.ValidationError(_at(error.pointer, str(error), "invalid_schema")) from error


@extend_schema_field({"type": "string", "format": "uri"})
class WebhookField(StringField):
    """Where actions may be sent."""

    default_validators = []

    def to_internal_value(self, data: Any) -> str:
        try:
            return webhook_url.check(super().to_internal_value(data))
        except webhook_url.InvalidWebhookURLError as error:
            raise serializers.ValidationError(str(error), code=error.code) from error


@extend_schema_field(RENAMED_PROPERTIES)
class RenamedPropertiesField(ObjectField):
    """Name → name."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        wrong = [name for name, renamed in value.items() if not isinstance(renamed, str) or not renamed]
        if wrong:
            raise serializers.ValidationError({name: ["Must be a non-empty string."] for name in wrong})
        return value


class ActionTypeTemplateRequestSerializer(StrictSerializer):
    name = StringField(
        max_length=100,
        validators=[pattern(SNAKE_CASE, "Must be snake_case: lowercase letters, digits and underscores.")],
        help_text="Action type name, snake_case, unique in the integration.",
    )
    description = StringField(
        required=False, default="", allow_blank=True, max_length=2000, help_text="Description for the AI engine."
    )
    parameters_schema = ParametersSchemaField(
        required=False,
        default=dict,
        help_text=(
            "JSON Schema 2020-12 of the parameters, or the flat form "
            '`{"amount": {"type": "number", "required": true}}`, which is stored as the JSON Schema it stands for.'
        ),
    )
    delivery_webhook = WebhookField(
        max_length=webhook_url.MAX_LENGTH,
        help_text="URL where Retivo dispatches actions: https, to a public address.",
    )


class EventMappingSerializer(StrictSerializer):
    # `from` is a Python keyword; get_fields() names it.
    to = StringField(max_length=200, help_text="The event's name in Retivo.")
    properties = RenamedPropertiesField(required=False, help_text="Names of properties: theirs → Retivo's.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": StringField(max_length=200, help_text="The event's name on your platform."),
            **super().get_fields(),
        }


class IntegrationRequestSerializer(StrictSerializer):
    provider = StringField(
        max_length=63,
        validators=[pattern(PROVIDER, "Must be letters and digits, with single `.`, `_` or `-` between them.")],
        help_text="Your platform identifier; unique among your integrations.",
    )
    display_name = StringField(max_length=200, help_text="Name shown to customers.")
    domain = StringField(
        required=False, default="", allow_blank=True, max_length=63, help_text="Domain tag, e.g. `loyalty`."
    )
    action_type_templates = ActionTypeTemplateRequestSerializer(  # type: ignore[call-arg]  # of the list it makes
        many=True, required=False, default=list, max_length=MAX_TEMPLATES, help_text="Registered for every customer."
    )
    event_mappings = EventMappingSerializer(  # type: ignore[call-arg]
        many=True, required=False, default=list, max_length=MAX_MAPPINGS, help_text="Event names, theirs to Retivo's."
    )

    def validate_action_type_templates(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _refuse_repeats(value, "name")
        return value

    def validate_event_mappings(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _refuse_repeats(value, "from")
        return value


class ActionTypeTemplateSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    parameters_schema = serializers.DictField(help_text="JSON Schema 2020-12, also where the flat form was sent.")
    delivery_webhook = serializers.CharField()


class IntegrationSerializer(serializers.Serializer[Any]):
    """An integration as it is shown; never with its secret."""

    id = serializers.UUIDField()
    provider = serializers.CharField()
    display_name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    action_type_templates = ActionTypeTemplateSerializer(many=True, source="templates.all")
    event_mappings = EventMappingSerializer(many=True)
    customers_shared = serializers.IntegerField(help_text="How many of your customers have it.")
    created_at = serializers.DateTimeField()


class RegisteredIntegrationSerializer(IntegrationSerializer):
    webhook_secret = serializers.CharField(help_text="Signs what is sent to you. 64 hex characters, shown this once.")


def _refuse_repeats(items: list[dict[str, Any]], field: str) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        if first.setdefault(item[field], index) != index:
            message = f"Must be unique; item {first[item[field]]} has it already."
            raise serializers.ValidationError({str(index): {field: [serializers.ErrorDetail(message, "not_unique")]}})


def _at(pointer: str, message: str, code: str) -> Any:
    """DRF's error detail nested as `pointer` leads."""
    detail: Any = [serializers.ErrorDetail(message, code)]
    for part in reversed(pointer.split("/")[1:]):
        detail = {part.replace("~1", "/").replace("~0", "~"): detail}
    return detail

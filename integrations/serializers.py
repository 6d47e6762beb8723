"""What a partner or a tenant registers, as it stands on the wire."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from integrations import parameters_schema, webhook_url
from integrations.models import PROVIDER, SNAKE_CASE
from integrations.schema import PARAMETERS_SCHEMA, RENAMED_PROPERTIES
from retivo.api.pagination import PageQuerySerializer
from retivo.api.serializers import (
    BooleanField,
    IntegerField,
    ObjectField,
    QueryBooleanField,
    StrictSerializer,
    StringField,
    pattern,
)

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


_COST = r"^[0-9]{1,6}(\.[0-9]{1,4})?$"
_HAS_COST = re.compile(_COST.removesuffix("$")).fullmatch


@extend_schema_field({"type": "string", "pattern": _COST})
class CostField(StringField):
    """US dollars as text: a JSON number would be rounded on its way."""

    default_error_messages = {"not_a_cost": 'Must be US dollars as text, e.g. "0.05": at most 999999.9999.'}
    default_validators = []

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _HAS_COST(text):
            self.fail("not_a_cost")
        return Decimal(text)

    def to_representation(self, value: Any) -> str:
        whole, _, decimals = f"{value:.4f}".partition(".")
        return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


@extend_schema_field(RENAMED_PROPERTIES)
class RenamedPropertiesField(ObjectField):
    """Name → name."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        wrong = [name for name, renamed in value.items() if not isinstance(renamed, str) or not renamed]
        if wrong:
            raise serializers.ValidationError({name: ["Must be a non-empty string."] for name in wrong})
        return value


def _name(**more: Any) -> StringField:
    snake_case = pattern(SNAKE_CASE, "Must be snake_case: lowercase letters, digits and underscores.")
    return StringField(max_length=100, validators=[snake_case], **more)


def _provider(**more: Any) -> StringField:
    joined = pattern(PROVIDER, "Must be letters and digits, with single `.`, `_` or `-` between them.")
    return StringField(max_length=63, validators=[joined], **more)


def _domain() -> StringField:
    return StringField(required=False, default="", allow_blank=True, max_length=63, help_text=_DOMAIN)


def _cost() -> CostField:
    return CostField(required=False, default=None, allow_null=True, help_text="What one costs you, in US dollars.")


_DOMAIN = "Domain tag, e.g. `loyalty`."
_DESCRIPTION = "Description for the AI engine."
_PARAMETERS = (
    "JSON Schema 2020-12 of the parameters, or the flat form "
    '`{"amount": {"type": "number", "required": true}}`, which is stored as the JSON Schema it stands for. Patterns '
    "are matched in linear time: without look-around and back-references."
)
_WEBHOOK = "URL where Retivo dispatches actions: https, to a public address."


class ActionTypeTemplateRequestSerializer(StrictSerializer):
    name = _name(help_text="Action type name, snake_case, unique in the integration.")
    description = StringField(required=False, default="", allow_blank=True, max_length=2000, help_text=_DESCRIPTION)
    parameters_schema = ParametersSchemaField(required=False, default=dict, help_text=_PARAMETERS)
    delivery_webhook = WebhookField(max_length=webhook_url.MAX_LENGTH, help_text=_WEBHOOK)
    estimated_cost_usd = _cost()


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
    provider = _provider(help_text="Your platform identifier; unique among your integrations.")
    display_name = StringField(max_length=200, help_text="Name shown to customers.")
    domain = _domain()
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
    estimated_cost_usd = CostField(allow_null=True)


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


# --- A tenant's action types ----------------------------------------------------------------------------------------


class ActionTypeListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    provider = StringField(required=False, max_length=63, help_text="Action types of this provider.")
    domain = StringField(required=False, max_length=63, help_text="Action types of this domain.")
    active = QueryBooleanField(required=False, help_text="Those that are on, or those that are off.")


class ActionTypeRequestSerializer(StrictSerializer):
    name = _name(help_text="snake_case, unique among your action types of the provider.")
    description = StringField(max_length=2000, help_text=_DESCRIPTION)
    provider = _provider(help_text="Who does it: a name of your choice.")
    domain = _domain()
    parameters_schema = ParametersSchemaField(help_text=_PARAMETERS)
    delivery_webhook = WebhookField(max_length=webhook_url.MAX_LENGTH, help_text=_WEBHOOK)
    estimated_cost_usd = _cost()


class ActionTypeChangeSerializer(ActionTypeRequestSerializer):
    """What is given replaces what was there."""

    active = BooleanField(help_text="Whether it may be chosen and sent.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        for field in fields.values():
            field.required, field.default = False, empty
        return fields


class ActionTypeSerializer(serializers.Serializer[Any]):
    """An action type as its tenant sees it; never with a secret, nor with its partner's webhook."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    provider = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    parameters_schema = serializers.DictField(help_text="JSON Schema 2020-12, also where the flat form was sent.")
    delivery_webhook = serializers.SerializerMethodField(help_text="None where it is your partner's.")
    estimated_cost_usd = CostField(allow_null=True)
    integration_id = serializers.UUIDField(allow_null=True, help_text="Of your partner, where it shares this with you.")
    active = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_delivery_webhook(self, action_type: Any) -> Any:
        return None if action_type.is_shared else action_type.delivery_webhook


class ActionTypeListSerializer(serializers.Serializer[Any]):
    action_types = ActionTypeSerializer(many=True)
    total = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    next_cursor = serializers.CharField(allow_null=True)


class ActionTypeResponseSerializer(serializers.Serializer[Any]):
    action_type = ActionTypeSerializer()


class RegisteredActionTypeSerializer(ActionTypeSerializer):
    webhook_secret = serializers.CharField(help_text="Signs what is sent to you. 64 hex characters, shown this once.")


class RegisteredActionTypeResponseSerializer(serializers.Serializer[Any]):
    action_type = RegisteredActionTypeSerializer()


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

"""Serializer fields of what a partner or a tenant registers."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations import webhook_url
from integrations.models import PROVIDER, SNAKE_CASE
from integrations.parameters import schema as parameters_schema
from integrations.parameters.forms import InvalidSchemaError
from integrations.schema import ACTION_KIND, PARAMETERS_SCHEMA, RENAMED_PROPERTIES
from integrations.taxonomy.kinds import KINDS, closest
from retivo.api.serializers import ObjectField, StringField, pattern


@extend_schema_field(PARAMETERS_SCHEMA, component_name="ParametersSchema")
class ParametersSchemaField(ObjectField):
    """Normalized to JSON Schema."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            return parameters_schema.normalize(super().to_internal_value(data))
        except InvalidSchemaError as error:
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


@extend_schema_field(ACTION_KIND, component_name="ActionKind")
class KindField(StringField):
    """An identifier of the taxonomy."""

    default_validators = []

    def to_internal_value(self, data: Any) -> str:
        kind = super().to_internal_value(data)
        if kind not in KINDS:
            guesses = " or ".join(f"`{guess}`" for guess in closest(kind))
            meant = f" Did you mean {guesses}?" if guesses else ""
            message = f"Must be null or a kind that the API's documentation lists as `ActionKind`.{meant}"
            raise serializers.ValidationError(message, code="unknown_kind")
        return kind


def kind_field() -> KindField:
    return KindField(required=False, allow_null=True, help_text=_KIND)


def name_field(**more: Any) -> StringField:
    snake_case = pattern(SNAKE_CASE, "Must be snake_case: lowercase letters, digits and underscores.")
    return StringField(max_length=100, validators=[snake_case], **more)


def provider_field(**more: Any) -> StringField:
    joined = pattern(PROVIDER, "Must be letters and digits, with single `.`, `_` or `-` between them.")
    return StringField(max_length=63, validators=[joined], **more)


def domain_field() -> StringField:
    return StringField(required=False, default="", allow_blank=True, max_length=63, help_text=_DOMAIN)


def cost_field() -> CostField:
    return CostField(required=False, default=None, allow_null=True, help_text="What one costs you, in US dollars.")


_DOMAIN = (
    "Domain tag. Kinds of actions are proposed in `loyalty`, `commerce`, `subscription`, `messaging`, `support`, "
    "`gaming` and `education`."
)
DESCRIPTION = "Description for the AI engine: what the action does for the user. With the name it proposes the kind."
_KIND = (
    "What kind of action it is, of any domain; null if it is of none. Left out, the kind that you declared before "
    "stays, and otherwise name and description propose one. Action types of one kind share what is learned over all "
    "partners; without one, it stays among your own."
)
KIND = "The kind of action, of the list `ActionKind`; null if it has none, and shares nothing with other partners."
KIND_SOURCE = "Whether you declared its kind, or name and description proposed it."
PARAMETERS = (
    "JSON Schema 2020-12 of the parameters, or the flat form "
    '`{"amount": {"type": "number", "required": true}}`, which is stored as the JSON Schema it stands for. Patterns '
    "are matched in linear time: without look-around and back-references."
)
WEBHOOK = "URL where Retivo dispatches actions: https, to a public address."


def _at(pointer: str, message: str, code: str) -> Any:
    """DRF's error detail nested as `pointer` leads."""
    detail: Any = [serializers.ErrorDetail(message, code)]
    for part in reversed(pointer.split("/")[1:]):
        detail = {part.replace("~1", "/").replace("~0", "~"): detail}
    return detail

"""DRF serializers that hold a JSON body to its types: no coercion, no unknown member."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not know, by name."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if not unknown:
            return super().to_internal_value(data)
        message = f"Unknown field. Known here: {', '.join(self.fields)}."
        errors: dict[str, Any] = {name: [serializers.ErrorDetail(message, "unknown_field")] for name in unknown}
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors.update(error.detail)
        raise serializers.ValidationError(errors)


class StringField(serializers.CharField):
    """A JSON string; a number or a boolean is not taken for one."""

    default_error_messages = {"not_a_string": "Must be a string."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not_a_string")
        return super().to_internal_value(data)


class IntegerField(serializers.IntegerField):
    """A JSON number without a fraction; not a string, not a boolean."""

    default_error_messages = {"not_an_integer": "Must be an integer."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float) or data != int(data):
            self.fail("not_an_integer")
        return super().to_internal_value(int(data))


class ObjectField(serializers.JSONField):
    """A JSON object of any members."""

    default_error_messages = {"not_an_object": "Must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        value: dict[str, Any] = super().to_internal_value(data)
        return value


def pattern(expression: str, message: str) -> RegexValidator:
    """A validator for the whole string: Python's `$` would let a trailing newline through."""
    return RegexValidator(expression.removesuffix("$") + r"\Z", message=message, code="invalid_format")

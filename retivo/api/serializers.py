"""DRF serializers that hold a request to its types: no coercion, no unknown member, no trimming.

`retivo.api.schema` tells OpenAPI the same rules.
"""

import re
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retivo.api import values
from retivo.api.values import MAX_OBJECT_BYTES


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not know, by name."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if not unknown:
            return super().to_internal_value(data)
        message = f"Unknown field. Known here: {', '.join(self.fields) or 'none'}."
        errors: dict[str, Any] = {name: [serializers.ErrorDetail(message, "unknown_field")] for name in unknown}
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors.update(error.detail)  # type: ignore[arg-type]  # a serializer's is a dict
        raise serializers.ValidationError(errors)


def sent_once(query: QueryDict) -> dict[str, str]:
    """A query's parameters, for a serializer.

    Raises:
        ValidationError: one is there more than once. To answer by one of its values would be to drop the others.
    """
    repeated = [name for name, values in query.lists() if len(values) > 1]
    if repeated:
        detail = serializers.ErrorDetail("Send this parameter only once.", "repeated_parameter")
        raise serializers.ValidationError({name: [detail] for name in repeated})
    return query.dict()  # type: ignore[return-value]  # of strings, which the stubs do not say


def pattern(expression: str, message: str) -> RegexValidator:
    """A validator for the whole string: Python's `$` would let a trailing newline through."""
    return RegexValidator(expression.removesuffix("$") + r"\Z", message=message, code="invalid_format")


VISIBLE = r"\S"


class StringField(serializers.CharField):
    """A JSON string; a number or a boolean is not taken for one. Not only blanks, unless it may be blank."""

    default_error_messages = {"not_a_string": "Must be a string."}
    default_validators = [RegexValidator(VISIBLE, message="Must hold a visible character.", code="blank")]

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("allow_blank"):
            kwargs.setdefault("validators", [])
        super().__init__(trim_whitespace=False, **kwargs)

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


class BooleanField(serializers.BooleanField):
    """`true` or `false`; DRF also takes 1, "yes" and the like."""

    default_error_messages = {"invalid": "Must be `true` or `false`."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class QueryIntegerField(serializers.IntegerField):
    """Decimal digits in a query; Python's `1_000`, ` 5 ` and `5.0` are no integers there."""

    def to_internal_value(self, data: Any) -> int:
        if not _DIGITS(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class ChoiceField(serializers.ChoiceField):
    """One of a few texts, which are told to whom sends another."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f"Must be one of: {', '.join(self.choices)}."


@extend_schema_field({"type": "boolean"})
class QueryBooleanField(ChoiceField):
    """`true` or `false` in a query."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=["true", "false"], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return bool(super().to_internal_value(data) == "true")


class TimestampField(serializers.DateTimeField):
    """RFC 3339 with its offset, as UTC."""

    default_error_messages = {"invalid": "Must be a time as in RFC 3339, with an offset or `Z`."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return values.timestamp(data)
        except ValueError:
            self.fail("invalid")


class PastTimestampField(TimestampField):
    """One that is not in the future."""

    default_error_messages = {"in_future": "Must not be in the future."}

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if value > timezone.now():
            self.fail("in_future")
        return value


_MONTH = "^[1-9][0-9]{3}-(0[1-9]|1[0-2])$"


@extend_schema_field({"type": "string", "pattern": _MONTH})
class MonthField(serializers.Field[Any, Any, Any, Any]):
    """A month such as 2026-11, as its first day."""

    default_error_messages = {"invalid": "Must be a month such as 2026-11."}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not re.fullmatch(_MONTH, data, re.ASCII):
            self.fail("invalid")
        return date.fromisoformat(f"{data}-01")


class UUIDField(serializers.UUIDField):
    """A string of 8-4-4-4-12 hex digits; DRF also takes numbers, URNs and braces."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or not _UUID(data):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class ObjectField(serializers.JSONField):
    """A JSON object of any members, as large as one may be: 64 KiB without blanks."""

    is_bounded = True

    default_error_messages = {
        "not_an_object": "Must be an object.",
        "too_large": f"Must be at most {MAX_OBJECT_BYTES // 1024} KiB of JSON without blanks.",
    }

    def __init__(self, *, help_text: str | None = None, **kwargs: Any) -> None:
        bound = f"At most {MAX_OBJECT_BYTES // 1024} KiB of JSON without blanks."
        super().__init__(help_text=f"{help_text} {bound}" if help_text and self.is_bounded else help_text, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        if self.is_bounded and values.is_large(data):
            self.fail("too_large")
        value: dict[str, Any] = super().to_internal_value(data)  # type: ignore[assignment]  # a dict went in
        return value


_DIGITS = re.compile(r"-?[0-9]{1,20}").fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch

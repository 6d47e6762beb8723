"""What a partner calls a customer, and keeps with it, as it is sent."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.references import MAX_EXTERNAL_ID, checked
from retivo.api.serializers import StringField
from tenants.services import MAX_METADATA

MAX_PAIRS, MAX_KEY, MAX_VALUE = MAX_METADATA, 40, 500  # as the database's function `is_metadata` has them

_WITHOUT_NUL = {"pattern": r"^[^\u0000]*$"}
_KEY = {"minLength": 1, "maxLength": MAX_KEY, **_WITHOUT_NUL}
_PAIRS = {"type": "object", "maxProperties": MAX_PAIRS, "propertyNames": _KEY}
_TEXT = {"type": "string", "maxLength": MAX_VALUE, **_WITHOUT_NUL}


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_EXTERNAL_ID, "format": "external-id"})
class ExternalIdField(StringField):
    """1 to 255 printable characters, and joiners of such.

    Raises:
        Problem: 400 `invalid_external_id`.
    """

    default_validators = []

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return checked(data) if isinstance(data, str) else super().run_validation(data)


@extend_schema_field({**_PAIRS, "additionalProperties": _TEXT})
class MetadataField(serializers.Field[Any, Any, Any, Any]):
    """Up to 50 pairs of texts."""

    takes_null = False
    default_error_messages = {
        "not_an_object": "Must be an object.",
        "too_many": f"Must have at most {MAX_PAIRS} keys.",
        "key_length": f"A key must have 1 to {MAX_KEY} characters.",
        "not_a_string": "Must be a string.",
        "max_length": f"Must have at most {MAX_VALUE} characters.",
        "nul_character": "Must not contain NUL characters.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        if len(data) > MAX_PAIRS:
            self.fail("too_many")
        faults = {key: code for key, value in data.items() if (code := self._fault(key, value))}
        if faults:
            raise serializers.ValidationError(
                {key: [serializers.ErrorDetail(str(self.error_messages[code]), code)] for key, code in faults.items()}
            )
        return data

    def _fault(self, key: str, value: Any) -> str:
        if not 1 <= len(key) <= MAX_KEY:
            return "key_length"
        if "\0" in key:
            return "nul_character"
        if value is None and self.takes_null:
            return ""
        if not isinstance(value, str):
            return "not_a_string"
        if "\0" in value:
            return "nul_character"
        return "max_length" if len(value) > MAX_VALUE else ""


@extend_schema_field({**_PAIRS, "additionalProperties": {**_TEXT, "type": ["string", "null"]}})
class MetadataPatchField(MetadataField):
    """A merge patch of such pairs: null removes one."""

    takes_null = True

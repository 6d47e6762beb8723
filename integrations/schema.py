"""What OpenAPI says of `parameters_schema`: the keywords most used, any other; or the flat form."""

from typing import Any

from integrations.parameters_schema import DIALECT

_HERE = "#/components/schemas/ParametersSchema/$defs"
_ANY = {"$ref": "#/components/schemas/JsonValue"}
_SUBSCHEMA = {"anyOf": [{"type": "boolean"}, {"$ref": f"{_HERE}/JsonSchema"}]}
_SUBSCHEMAS = {"type": "array", "minItems": 1, "items": _SUBSCHEMA}
_TYPE = {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}
_TEXT = {"type": "string", "pattern": r"^[^\u0000]*$"}
_NUMBER = {"type": "number", "minimum": -(2**63), "maximum": 2**63 - 1}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}

_KEYWORDS: dict[str, Any] = {
    "title": _TEXT,
    "description": _TEXT,
    "enum": {"type": "array", "items": _ANY},
    "properties": {"type": "object", "additionalProperties": _SUBSCHEMA},
    "additionalProperties": _SUBSCHEMA,
    "items": _SUBSCHEMA,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "allOf": _SUBSCHEMAS,
    "anyOf": _SUBSCHEMAS,
    "oneOf": _SUBSCHEMAS,
    "not": _SUBSCHEMA,
}

_JSON_SCHEMA: dict[str, Any] = {
    "description": "JSON Schema 2020-12. References lead to places in the same schema.",
    "type": "object",
    "properties": {
        "$schema": {"enum": [DIALECT, f"{DIALECT}#"]},
        "type": {"anyOf": [_TYPE, {"type": "array", "minItems": 1, "uniqueItems": True, "items": _TYPE}]},
        "required": {"type": "array", "uniqueItems": True, "items": _TEXT},
        **_KEYWORDS,
    },
    "additionalProperties": _ANY,
}

_FLAT_FORM: dict[str, Any] = {
    "description": "Each member is a parameter: a JSON Schema with a `type`, and whether it is `required`.",
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": _TYPE, "required": {"type": "boolean"}, **_KEYWORDS},
        "additionalProperties": _ANY,
    },
}

PARAMETERS_SCHEMA: dict[str, Any] = {
    "$defs": {"JsonSchema": _JSON_SCHEMA, "FlatForm": _FLAT_FORM},
    "anyOf": [{"$ref": f"{_HERE}/JsonSchema"}, {"$ref": f"{_HERE}/FlatForm"}],
}

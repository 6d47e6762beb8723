"""What OpenAPI says of `parameters_schema`, JSON Schema with its most used keywords or the flat form; and of kinds."""

from typing import Any

from integrations.parameters.schema import DIALECT
from integrations.taxonomy.kinds import KINDS
from retivo.api.schema import TEXT

_HERE = "#/components/schemas/ParametersSchema/$defs"
_ANY = {"$ref": "#/components/schemas/JsonValue"}
_TEXT = {"type": "string", "pattern": TEXT}
_ONE_TYPE = {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}
_TYPE = {"anyOf": [_ONE_TYPE, {"type": "array", "minItems": 1, "uniqueItems": True, "items": _ONE_TYPE}]}


def _object(values: dict[str, Any], properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An object of these `properties`, and of any others with such `values`."""
    known = {"properties": properties} if properties else {}
    return {"type": "object", "propertyNames": {"pattern": TEXT}, **known, "additionalProperties": values, **more}


_KEYWORDS: dict[str, Any] = {
    "description": _TEXT,
    "properties": _object({"anyOf": [{"type": "boolean"}, {"$ref": f"{_HERE}/JsonSchema"}]}),
    "additionalProperties": {"anyOf": [{"type": "boolean"}, _object(_ANY)]},
}

_JSON_SCHEMA = _object(
    _ANY,
    {
        "$schema": {"enum": [DIALECT, f"{DIALECT}#"]},
        "type": _TYPE,
        "required": {"type": "array", "uniqueItems": True, "items": _TEXT},
        **_KEYWORDS,
    },
    description="JSON Schema 2020-12 in any of its keywords. References lead to places in the same schema.",
)

_FLAT_FORM = _object(
    _object(_ANY, {"type": _TYPE, "required": {"type": "boolean"}, **_KEYWORDS}, required=["type"]),
    minProperties=1,
    description="Each member is a parameter: a JSON Schema with a `type`, and whether it is `required`.",
)

PARAMETERS_SCHEMA: dict[str, Any] = {
    "$defs": {"JsonSchema": _JSON_SCHEMA, "FlatForm": _FLAT_FORM},
    "anyOf": [{"$ref": f"{_HERE}/JsonSchema"}, {"$ref": f"{_HERE}/FlatForm"}],
}

RENAMED_PROPERTIES = _object({**_TEXT, "minLength": 1})

ACTION_KIND = {
    "type": "string",
    "enum": [*KINDS],
    "description": "Kinds of actions, each with what an action of that kind does:\n\n"
    + "\n".join(f"- `{identifier}`: {kind.definition}" for identifier, kind in KINDS.items()),
}

"""The schema of an action's parameters: JSON Schema 2020-12, or the guide's flat form, which becomes one."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from retivo.api.errors import escape_pointer

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class InvalidSchemaError(ValueError):
    """`pointer` (RFC 6901) leads from the schema's root to the fault."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def normalize(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that `schema` is or stands for.

    The flat form is `{"amount": {"type": "number", "required": true}}`: each member is a parameter with a `type`.

    Raises:
        InvalidSchemaError: it is neither, or refers to a document elsewhere.
    """
    if _is_flat(schema):
        # Checked parameter by parameter so that the pointer leads into what was sent, not into what it becomes.
        properties = {name: {k: v for k, v in spec.items() if k != "required"} for name, spec in schema.items()}
        for name, spec in properties.items():
            _check(spec, f"/{escape_pointer(name)}")
            if not isinstance(schema[name].get("required", False), bool):
                raise InvalidSchemaError(f"/{escape_pointer(name)}/required", "Must be true or false.")
        return {
            "$schema": DIALECT,
            "type": "object",
            "properties": properties,
            "required": [name for name, spec in schema.items() if spec.get("required", False)],
            "additionalProperties": False,
        }
    _check(schema, "")
    return schema


# Keywords that hold one schema each, and so may look like a parameter with a type.
_APPLICATORS = frozenset(
    [
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)


def _is_flat(schema: dict[str, Any]) -> bool:
    specs = schema.values()
    if not schema or not all(isinstance(spec, dict) and isinstance(spec.get("type"), str) for spec in specs):
        return False
    # `required` as true or false is the flat form's alone.
    return not _APPLICATORS.issuperset(schema) or any("required" in spec for spec in specs)


def _check(schema: dict[str, Any], root: str) -> None:
    # At any depth: a validator changes its dialect where a subschema names another.
    for pointer, dialect in _members(schema, root, "$schema"):
        if dialect not in (DIALECT, f"{DIALECT}#"):
            raise InvalidSchemaError(pointer, f"Only the dialect {DIALECT} is understood.")
    # The format checker is what finds a pattern that is no regular expression.
    try:
        Draft202012Validator.check_schema(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    except SchemaError as error:
        pointer = "".join(f"/{escape_pointer(part)}" for part in error.absolute_path)
        raise InvalidSchemaError(root + pointer, error.message[:300]) from error
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for pointer, reference in _members(schema, root, "$ref", "$dynamicRef"):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise InvalidSchemaError(pointer, f"{reference[:200]!r} refers to nothing in this schema.") from error


def _members(node: Any, pointer: str, *names: str) -> Iterator[tuple[str, str]]:
    """The members of these names that are text, at any depth, each with its pointer."""
    if isinstance(node, dict):
        for name in names:
            if isinstance(node.get(name), str):
                yield f"{pointer}/{name}", node[name]
        for name, child in node.items():
            yield from _members(child, f"{pointer}/{escape_pointer(name)}", *names)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _members(child, f"{pointer}/{index}", *names)

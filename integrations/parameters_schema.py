"""The schema of an action's parameters: JSON Schema 2020-12, or the guide's flat form, which becomes one.

Others write them, so checking against one must end soon. Patterns are matched in time linear in the text, and so have
no look-around and no back-references; what a schema expands to is bounded, for references multiply and may lead in
circles.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
from jsonschema_rs import (
    Draft202012Validator,
    ReferencingError,
    RegexOptions,
    Registry,
    ValidationError,
    ValidationErrorKind,
)

from retivo.api.errors import escape_pointer

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# With references followed, each time anew.
MAX_MEMBERS = 2000
MAX_PATTERNS = 30
# One in another doubles the work, and more than doubles it.
MAX_UNEVALUATED = 4

# What a pattern may take when compiled: `^[a-z]{1,2000}$` fits, `^\p{L}{100}$` does not.
_PATTERNS = RegexOptions(size_limit=2**19)


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
    # At any depth: a validator changes its dialect where a subschema names another, and its base where one has an id.
    for pointer, name, value in _members(schema, root):
        if name == "$schema" and isinstance(value, str) and value not in (DIALECT, f"{DIALECT}#"):
            raise InvalidSchemaError(pointer, f"Only the dialect {DIALECT} is understood.")
        if name == "$id" and isinstance(value, str) and pointer != f"{root}/$id":
            raise InvalidSchemaError(pointer, "Only the schema itself may have an `$id`.")
        if name in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
            raise InvalidSchemaError(pointer, "Must refer to a place in this schema: `#…`.")
    _check_extent(schema, root)
    try:
        _compile(schema)
    except ValidationError as error:
        pointer = "".join(f"/{escape_pointer(part)}" for part in error.instance_path)
        message = error.message[:300]
        if isinstance(error.kind, ValidationErrorKind.Format) and error.kind.format == "regex":
            message = "Must be a regular expression, a short one without look-around and back-references."
        raise InvalidSchemaError(root + pointer, message) from error


def _check_extent(schema: dict[str, Any], root: str) -> None:
    """Raises InvalidSchemaError where the schema is too much, or a reference leads out of it or to nothing."""
    try:
        resolver = Registry([(_HERE, schema)]).resolver(_HERE)
    except (ReferencingError, ValueError) as error:
        raise InvalidSchemaError(root, str(error)[:300]) from error
    members = patterns = unevaluated = 0
    pending: list[tuple[str, Any]] = [(root, schema)]
    while pending:
        at, node = pending.pop()
        for pointer, name, value in _members(node, at):
            members += 1
            patterns += name == "pattern" or pointer.split("/")[-2] == "patternProperties"
            unevaluated += name in ("unevaluatedProperties", "unevaluatedItems")
            if members > MAX_MEMBERS:
                detail = f"Must have at most {MAX_MEMBERS:,} members with its references followed, none in a circle."
                raise InvalidSchemaError(root, detail)
            if patterns > MAX_PATTERNS or unevaluated > MAX_UNEVALUATED:
                detail = f"Must have at most {MAX_PATTERNS} patterns and {MAX_UNEVALUATED} times `unevaluated…`"
                raise InvalidSchemaError(root, f"{detail} with its references followed.")
            if name in _REFERENCES and isinstance(value, str):
                try:
                    pending.append((pointer, resolver.lookup(value).contents))
                except (ReferencingError, ValueError) as error:
                    detail = f"{value[:200]!r} refers to nothing in this schema."
                    raise InvalidSchemaError(pointer, detail) from error


_REFERENCES = ("$ref", "$dynamicRef")
_HERE = "urn:retivo:schema"


def _members(node: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """The members of objects at any depth, each with its pointer and name."""
    if isinstance(node, dict):
        for name, child in node.items():
            below = f"{pointer}/{escape_pointer(name)}"
            yield below, name, child
            yield from _members(child, below)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _members(child, f"{pointer}/{index}")


def _compile(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, pattern_options=_PATTERNS, offline=True)


@lru_cache(maxsize=256)
def validator(schema: str) -> Draft202012Validator:
    """For parameters, of a stored schema's JSON."""
    return _compile(msgspec.json.decode(schema))

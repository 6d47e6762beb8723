"""The schema of an action's parameters: JSON Schema 2020-12, or the guide's flat form, which becomes one.

Others write them, so compiling one and checking against it must end soon. Patterns are matched in time linear in the
text, and so have no look-around and no back-references; what a schema expands to is bounded, for references multiply
and may lead in circles. `docs/action-types.md` has the bounds as a table.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from integrations.parameters import engine, forms
from integrations.parameters.children import CostlyError, children
from integrations.parameters.forms import InvalidSchemaError
from retivo.api.json import encode
from retivo.api.values import escape_pointer
from retivo.threads import places

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# With references followed, each time anew.
MAX_MEMBERS = 2000
MAX_EXPANDED_BYTES = 2**20
MAX_PATTERNS = 30
MAX_PATTERN_LENGTH = 2000
# One in another doubles the work, and more than doubles it.
MAX_UNEVALUATED = 4

# Patterns that take no more than this are compiled here, others by a process that can be killed.
SMALL_PATTERN_BYTES = 2**14
_COMPILE_SECONDS = 0.25

# As much work as so many bytes of schema: `"multipleOf": 1e-300` divides numbers of a thousand bits.
_MULTIPLE_OF_BYTES = 2**13


@dataclass(frozen=True)
class Extent:
    """How much a schema is, with its references followed."""

    size: int  # bytes of JSON that are as much work
    patterns: Counter[str]


def normalize(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that `schema` is or stands for.

    The flat form is `{"amount": {"type": "number", "required": true}}`: each member is a parameter with a `type`.

    Raises:
        InvalidSchemaError: it is neither, or may be both, or says nothing of parameters, or refers to a document
            elsewhere.
    """
    if forms.is_flat(schema):
        # Checked parameter by parameter so that the pointer leads into what was sent, not into what it becomes.
        properties = {name: {k: v for k, v in spec.items() if k != "required"} for name, spec in schema.items()}
        for name, spec in properties.items():
            _check(spec, f"/{escape_pointer(name)}")
            forms.check_keywords(spec, f"/{escape_pointer(name)}")
            if not isinstance(schema[name].get("required", False), bool):
                raise InvalidSchemaError(f"/{escape_pointer(name)}/required", "Must be true or false.")
        whole = {
            "$schema": DIALECT,
            "type": "object",
            "properties": properties,
            "required": [name for name, spec in schema.items() if spec.get("required", False)],
            "additionalProperties": False,
        }
        _compile(whole, extent(whole), "")
        return whole
    _check(schema, "")
    resolver = jsonschema_rs.Registry([(_HERE, schema)]).resolver(_HERE)
    forms.check_says_something(schema, lambda reference: resolver.lookup(reference).contents)
    return schema


def _check(schema: dict[str, Any], root: str) -> None:
    # At any depth: a validator changes its dialect where a subschema names another, and its base where one has an id.
    for pointer, name, value in _members(schema, root):
        if name == "$schema" and isinstance(value, str) and value not in (DIALECT, f"{DIALECT}#"):
            raise InvalidSchemaError(pointer, f"Only the dialect {DIALECT} is understood.")
        if name == "$id" and isinstance(value, str) and pointer != f"{root}/$id":
            raise InvalidSchemaError(pointer, "Only the schema itself may have an `$id`.")
        if name in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
            raise InvalidSchemaError(pointer, "Must refer to a place in this schema: `#…`.")
    _compile(schema, extent(schema, root), root)


def _compile(schema: dict[str, Any], found: Extent, root: str) -> None:
    """Raises InvalidSchemaError where it is no schema, or its patterns are too much."""
    try:
        if engine.size_of(found.patterns, most=SMALL_PATTERN_BYTES) is None:
            fault, _ = children.ask("fault", schema, found.patterns, owner=places.party(), seconds=_COMPILE_SECONDS)
        else:
            fault = engine.fault(schema, found.patterns)
    except CostlyError:
        fault = [], "Its patterns take too long to compile: repeat less, and not in repeats."
    if fault is not None:
        path, message = fault
        raise InvalidSchemaError(root + "".join(f"/{escape_pointer(part)}" for part in path), message)


def extent(schema: dict[str, Any], root: str = "") -> Extent:
    """Raises InvalidSchemaError where the schema is too much, or a reference leads out of it or to nothing."""
    try:
        resolver = jsonschema_rs.Registry([(_HERE, schema)]).resolver(_HERE)
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchemaError(root, str(error)[:300]) from error
    members = size = unevaluated = 0
    patterns: Counter[str] = Counter()
    pending: list[tuple[str, Any]] = [(root, schema)]
    while pending:
        at, node = pending.pop()
        size += len(encode(node))
        if size > MAX_EXPANDED_BYTES:
            detail = f"Must have at most {MAX_EXPANDED_BYTES // 1024:,} KiB of JSON with its references followed."
            raise InvalidSchemaError(root, detail)
        for pointer, name, value in _members(node, at):
            members += 1
            if name == "pattern" and isinstance(value, str):
                patterns[value] += 1
            elif pointer.split("/")[-2] == "patternProperties":
                patterns[name] += 1
            unevaluated += name in ("unevaluatedProperties", "unevaluatedItems")
            size += _MULTIPLE_OF_BYTES * (name == "multipleOf")
            if members > MAX_MEMBERS:
                detail = f"Must have at most {MAX_MEMBERS:,} members with its references followed, none in a circle."
                raise InvalidSchemaError(root, detail)
            if patterns.total() > MAX_PATTERNS or unevaluated > MAX_UNEVALUATED:
                detail = f"Must have at most {MAX_PATTERNS} patterns and {MAX_UNEVALUATED} times `unevaluated…`"
                raise InvalidSchemaError(root, f"{detail} with its references followed.")
            if name in _REFERENCES and isinstance(value, str):
                try:
                    pending.append((pointer, resolver.lookup(value).contents))
                except (jsonschema_rs.ReferencingError, ValueError) as error:
                    detail = f"{value[:200]!r} refers to nothing in this schema."
                    raise InvalidSchemaError(pointer, detail) from error
    if any(len(pattern) > MAX_PATTERN_LENGTH for pattern in patterns):
        detail = f"Must have at most {MAX_PATTERN_LENGTH:,} characters in each pattern."
        raise InvalidSchemaError(root, detail)
    return Extent(size * 4**unevaluated, patterns)


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

"""In which form a schema of parameters is written, and whether it says anything of them.

JSON Schema takes any object for a schema: what it does not know, or what is about texts and lists alone, it passes
over. Parameters are an object, so a schema that was meant in the flat form, or has a slip in it, would let everything
through.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from retivo.api.values import escape_pointer

Resolve = Callable[[str], Any]  # a reference's schema


class InvalidSchemaError(ValueError):
    """`pointer` (RFC 6901) leads from the schema's root to the fault."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


# Keywords that hold one schema, or anything, and so may look like a parameter with a type.
_HOLD_ANYTHING = frozenset(
    [
        "additionalProperties",
        "const",
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

# Of these, what says something of an object, and is no name that anybody gives to a parameter.
_SAY_WHICH = frozenset(["additionalProperties", "unevaluatedProperties"])

# They say something of an object whatever they hold, or would if they held something else.
_OF_OBJECTS = frozenset(
    [
        "additionalProperties",
        "const",
        "dependentRequired",
        "dependentSchemas",
        "enum",
        "maxProperties",
        "minProperties",
        "not",
        "patternProperties",
        "properties",
        "propertyNames",
        "required",
        "unevaluatedProperties",
    ]
)
_COMBINE = frozenset(["$dynamicRef", "$ref", "allOf", "anyOf", "else", "if", "oneOf", "then"])
_ABOUT_ITSELF = frozenset(
    [
        "$anchor",
        "$comment",
        "$dynamicAnchor",
        "$id",
        "$schema",
        "$vocabulary",
        "default",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    ]
)
_OF_OTHERS = frozenset(
    [
        "$defs",
        "contains",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxContains",
        "maxItems",
        "maxLength",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
        "pattern",
        "prefixItems",
        "unevaluatedItems",
        "uniqueItems",
    ]
)
_KEYWORDS = _OF_OBJECTS | _COMBINE | _ABOUT_ITSELF | _OF_OTHERS | {"type"}

# Where the schemas within a schema are.
_HOLD_ONE = _HOLD_ANYTHING - {"const"} | {"contentSchema"}
_HOLD_A_LIST = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
_HOLD_NAMED_ONES = frozenset(["$defs", "dependentSchemas", "patternProperties", "properties"])

# Keywords by the type they limit, to tell what a word that is none may have meant: of a text, `min` is its length.
_LIMITS = {
    "array": ["minItems", "maxItems", "uniqueItems", "items"],
    "integer": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    "object": ["minProperties", "maxProperties", "properties", "additionalProperties"],
    "string": ["minLength", "maxLength", "pattern", "format"],
}

_TYPES = frozenset(["array", "boolean", "integer", "null", "number", "object", "string"])

_HINT = 'In the flat form each parameter is an object with a `type`: {"amount": {"type": "number", "required": true}}.'


def is_flat(schema: dict[str, Any]) -> bool:
    """Whether it is in the flat form: each member is a parameter.

    Raises:
        InvalidSchemaError: it may be either form.
    """
    if not schema or not all(_is_parameter(spec) for spec in schema.values()):
        return False
    # `required` as true or false is the flat form's alone.
    if _HOLD_ANYTHING.issuperset(schema) and not any("required" in spec for spec in schema.values()):
        name = next(iter(schema))
        if not _SAY_WHICH.isdisjoint(schema):
            return False
        raise InvalidSchemaError(
            f"/{name}",
            f"This could be a parameter called `{name}` or JSON Schema. If it is a parameter, add `required`, true or "
            'false, to it. If it is JSON Schema, add `"type": "object"` beside it.',
        )
    return True


def check_keywords(spec: dict[str, Any], pointer: str) -> None:
    """Of a parameter in the flat form: JSON Schema passes over a word it does not know, so it would limit nothing.

    Raises:
        InvalidSchemaError: there is one, at any depth, that is not marked as an annotation by `x-`.
    """
    for name in spec:
        if not _is_known(name):
            raise InvalidSchemaError(
                f"{pointer}/{escape_pointer(name)}",
                f"`{name[:100]}` is not a keyword of JSON Schema, and would check nothing.{_meant(name, spec)}"
                " Names of your own begin with `x-`.",
            )
    for below, schema in _schemas_in(spec):
        check_keywords(schema, pointer + below)


def check_says_something(schema: dict[str, Any], resolve: Resolve) -> None:
    """Of an object, as parameters are. What is only about itself, and `{"type": "object"}`, says that they may be any.

    Args:
        schema: a valid JSON Schema.

    Raises:
        InvalidSchemaError: it lets all parameters through, or some, although it looks as if it did not; or none at all.
    """
    if _excludes_objects(schema):
        raise InvalidSchemaError("/type", "Must be `object`: parameters are one.")
    unknown = [name for name in schema if not _is_known(name)]
    for name in unknown:
        if _looks_like_parameter(schema[name]) and not _is_referred_to(schema, name):
            raise _idle(name, "is not a keyword of JSON Schema; there, a parameter is a member of `properties`.")
    meant = [name for name in schema if name not in _ABOUT_ITSELF and name != "type"]
    if meant and not _says_something(schema, resolve):
        name = next((name for name in meant if name in unknown), meant[0])
        raise _idle(name, "says nothing of parameters, which are an object; JSON Schema describes its `properties`.")


def _excludes_objects(schema: dict[str, Any]) -> bool:
    types = schema.get("type", "object")
    return "object" not in ([types] if isinstance(types, str) else types)


def _is_known(name: str) -> bool:
    return name in _KEYWORDS or name == "example" or name.startswith("x-")


def _meant(name: str, spec: dict[str, Any]) -> str:
    types = spec.get("type", [])
    limits = [limit for each in ([types] if isinstance(types, str) else types) for limit in _LIMITS.get(each, [])]
    word = name.replace("_", "").replace("-", "").lower()
    for names, alike in ((limits, 0.45), (_KEYWORDS, 0.75)):
        known = {each.lower(): each for each in names}
        if found := get_close_matches(word, known, n=1, cutoff=alike):
            return f" Did you mean `{known[found[0]]}`?"
    return ""


def _schemas_in(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas directly within a valid schema, each with its pointer."""
    for name, held in schema.items():
        found: Iterator[tuple[str, Any]] = iter(())
        if name in _HOLD_ONE:
            found = iter([(f"/{name}", held)])
        elif name in _HOLD_A_LIST:
            found = ((f"/{name}/{index}", each) for index, each in enumerate(held))
        elif name in _HOLD_NAMED_ONES:
            found = ((f"/{name}/{escape_pointer(key)}", each) for key, each in held.items())
        yield from ((pointer, each) for pointer, each in found if isinstance(each, dict))


def _idle(name: str, fault: str) -> InvalidSchemaError:
    return InvalidSchemaError(f"/{escape_pointer(name)}", f"`{name[:100]}` {fault} {_HINT}")


def _is_parameter(spec: Any) -> bool:
    return isinstance(spec, dict) and isinstance(spec.get("type"), str | list)


def _looks_like_parameter(value: Any) -> bool:
    if isinstance(value, dict):
        return not _KEYWORDS.isdisjoint(value)
    return isinstance(value, str) and value in _TYPES


def _is_referred_to(schema: dict[str, Any], name: str) -> bool:
    """As before there was `$defs`, when definitions could be anywhere."""
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and f"{reference}/".startswith(f"#/{escape_pointer(name)}/"):
                return True
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return False


def _says_something(schema: Any, resolve: Resolve) -> bool:
    """Whether an object could break it, as far as its keywords tell."""
    if isinstance(schema, bool):
        return not schema
    if not _OF_OBJECTS.isdisjoint(schema) or _excludes_objects(schema):
        return True
    references = [schema[name] for name in ("$ref", "$dynamicRef") if name in schema]
    branches = [schema[name] for name in ("then", "else") if name in schema and "if" in schema]
    some = [*map(resolve, references), *schema.get("allOf", ()), *branches]
    any_of, one_of = schema.get("anyOf", ()), schema.get("oneOf", ())
    return (
        any(_says_something(each, resolve) for each in some)
        or (bool(any_of) and all(_says_something(each, resolve) for each in any_of))
        or len(one_of) > 1
        or any(_says_something(each, resolve) for each in one_of)
    )

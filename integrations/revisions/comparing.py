"""What differs between two revisions, and whether what works by the earlier one works by the later.

Whatever is not known to be wider counts as breaking: a partner is told so once too often rather than once too seldom.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retivo.api.values import escape_pointer, same

Schema = Mapping[str, Any]

# Of an action type; `delivery_webhook` is where it is sent and not what it is.
_FIELDS = ("description", "parameters_schema", "delivery_webhook", "estimated_cost_usd")
# Keywords that say nothing of what is valid.
_WORDS = {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly"}
# A larger number lets more through, or a smaller one does.
_UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a revision holds: its action types by name, and its event mappings by the name on the partner's side."""

    action_types: Mapping[str, Mapping[str, Any]]
    event_mappings: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reason:
    """Why a revision breaks what worked: a JSON Pointer that goes by names, and a stable code."""

    pointer: str
    code: str


def diff(before: Content, after: Content) -> dict[str, Any]:
    """What was added, removed and changed."""
    return {
        "action_types": _diff(before.action_types, after.action_types, _FIELDS),
        "event_mappings": _diff(before.event_mappings, after.event_mappings, ("to", "properties")),
    }


def reasons(before: Content, after: Content) -> list[Reason]:
    """Why `after` is breaking; none where it is compatible."""
    found = []
    for name, action_type in before.action_types.items():
        pointer = f"/action_type_templates/{escape_pointer(name)}"
        if name not in after.action_types:
            found.append(Reason(pointer, "action_type_removed"))
        else:
            schema = after.action_types[name]["parameters_schema"]
            found += _narrower(action_type["parameters_schema"], schema, f"{pointer}/parameters_schema")
    for name, mapping in before.event_mappings.items():
        pointer = f"/event_mappings/{escape_pointer(name)}"
        if name not in after.event_mappings:
            found.append(Reason(pointer, "event_mapping_removed"))
        elif not same(mapping, after.event_mappings[name]):
            found.append(Reason(pointer, "event_mapping_changed"))
    return found


def _diff(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], fields: Sequence[str]
) -> dict[str, Any]:
    changed = []
    for name in before:
        if name in after:
            differing = [field for field in fields if not same(before[name].get(field), after[name].get(field))]
            if differing:
                values = {field: {"from": before[name].get(field), "to": after[name].get(field)} for field in differing}
                changed.append({"name": name, "fields": values})
    return {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "changed": changed,
    }


# --- Schemas --------------------------------------------------------------------------------------------------------


def _narrower(before: Any, after: Any, pointer: str) -> Iterator[Reason]:
    """Where `after` may refuse what `before` lets through."""
    if same(before, after) or after is True:
        return
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield Reason(pointer, "schema_changed")
        return
    for keyword in sorted((before.keys() | after.keys()) - _WORDS):
        old, new = before.get(keyword), after.get(keyword)
        if same(old, new):
            continue
        at = f"{pointer}/{escape_pointer(keyword)}"
        if keyword in _BY_KEYWORD:
            yield from _BY_KEYWORD[keyword](before, after, at)
        elif keyword in after and not _is_wider(keyword, old, new):
            yield Reason(at, "schema_changed")


def _is_wider(keyword: str, old: Any, new: Any) -> bool:
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers and ((keyword in _UPPER and new >= old) or (keyword in _LOWER and new <= old))


def _properties(before: Schema, after: Schema, pointer: str) -> Iterator[Reason]:
    old, new = before.get("properties", {}), after.get("properties", {})
    others_before, others = before.get("additionalProperties", True), after.get("additionalProperties", True)
    for name in sorted(old.keys() | new.keys()):
        at = f"{pointer}/{escape_pointer(name)}"
        if name not in new:
            if others is not True:
                yield Reason(at, "parameter_removed")
        elif name in old:
            yield from _narrower(old[name], new[name], at)
        elif others_before is not False:  # it was there before, under no name
            yield from _narrower(others_before, new[name], at)


def _required(before: Schema, after: Schema, pointer: str) -> Iterator[Reason]:
    for name in sorted(set(after.get("required", [])) - set(before.get("required", []))):
        yield Reason(f"{pointer}/{escape_pointer(name)}", "parameter_required")


def _additional(before: Schema, after: Schema, pointer: str) -> Iterator[Reason]:
    old, new = before.get("additionalProperties", True), after.get("additionalProperties", True)
    if old is not False and new is not True:
        yield from _narrower({} if old is True else old, new, pointer)


def _type(before: Schema, after: Schema, pointer: str) -> Iterator[Reason]:
    if "type" in after and not _types(before) <= _types(after):
        yield Reason(pointer, "type_narrowed")


def _types(schema: Schema) -> set[str]:
    """`number` has the integers, too; `any` stands for all that are not named."""
    said = schema.get("type", "any")
    types = {said} if isinstance(said, str) else set(said)
    return types | ({"integer"} if "number" in types else set())


def _enum(before: Schema, after: Schema, pointer: str) -> Iterator[Reason]:
    new = after.get("enum")
    if new is None:
        return
    if "enum" not in before or not all(any(same(value, other) for other in new) for value in before["enum"]):
        yield Reason(pointer, "enum_narrowed")


_BY_KEYWORD = {
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "type": _type,
    "enum": _enum,
}

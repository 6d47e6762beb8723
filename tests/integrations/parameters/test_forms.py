"""In which form a schema is read. `cases.json` is in the style of JSON-Schema-Test-Suite: each has instances, or the
pointer by which it is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.parameters import engine
from integrations.parameters.forms import InvalidSchemaError
from integrations.parameters.schema import normalize

pytestmark = pytest.mark.no_database

CASES = json.loads(Path(__file__).with_name("cases.json").read_text())
TAKEN = [case for case in CASES if "refused" not in case]
REFUSED = [case for case in CASES if "refused" in case]

OPEN = [{}, {"type": "object"}, {"type": ["object", "null"]}]  # say that parameters may be any


def named(case: Any) -> str:
    return str(case["description"])


@pytest.mark.parametrize("case", TAKEN, ids=named)
def test_case__that_is_taken__checks_what_it_says(case: Any) -> None:
    schema = normalize(case["schema"])

    assert (schema == case["schema"]) == (case["form"] == "json")
    validator = engine.compiled(schema)
    for each in case["tests"]:
        assert validator.is_valid(each["data"]) == each["valid"], each
    is_open = case["schema"] in OPEN or ("title" in case["schema"] and case["form"] == "json")
    assert is_open != any(not each["valid"] for each in case["tests"])


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_case__that_says_nothing_or_may_be_either__is_refused_with_a_hint(case: Any) -> None:
    with pytest.raises(InvalidSchemaError) as refused:
        normalize(case["schema"])

    assert refused.value.pointer == case["refused"]


@pytest.mark.parametrize("schema", [{"items": {"type": "array"}}, {"amount": "number"}, {"minLength": 3}])
def test_hint__of_a_schema_that_says_nothing__shows_how_to_write_it(schema: Any) -> None:
    with pytest.raises(InvalidSchemaError, match=r"`required`|`type`"):
        normalize(schema)


@pytest.mark.parametrize(
    ("spec", "pointer", "meant"),
    [
        ({"type": "integer", "min": 1}, "/amount/min", "`minimum`"),
        ({"type": "number", "max": 1}, "/amount/max", "`maximum`"),
        ({"type": "string", "min": 1}, "/amount/min", "`minLength`"),
        ({"type": "string", "max_length": 1}, "/amount/max_length", "`maxLength`"),
        ({"type": ["array", "null"], "max": 1}, "/amount/max", "`maxItems`"),
        ({"type": "number", "exclusive_minimum": 1}, "/amount/exclusive_minimum", "`exclusiveMinimum`"),
        ({"type": "number", "exclusiveMinimun": 1}, "/amount/exclusiveMinimun", "`exclusiveMinimum`"),
        ({"type": "string", "enums": ["a"]}, "/amount/enums", "`enum`"),
        ({"type": "string", "desription": "a"}, "/amount/desription", "`description`"),
        ({"type": "string", "nullable": True}, "/amount/nullable", None),
        ({"type": "string", "a/b": True}, "/amount/a~1b", None),
        ({"type": "array", "items": {"type": "integer", "min": 1}}, "/amount/items/min", "`minimum`"),
        ({"type": "object", "properties": {"min": {"type": "string", "len": 1}}}, "/amount/properties/min/len", None),
        ({"type": "number", "anyOf": [{"minimum": 1}, {"below": 0}]}, "/amount/anyOf/1/below", None),
    ],
)
def test_parameter__with_a_word_that_is_no_keyword__is_refused_and_told_which_is_near(
    spec: Any, pointer: str, meant: str | None
) -> None:
    with pytest.raises(InvalidSchemaError, match="is not a keyword of JSON Schema") as refused:
        normalize({"amount": spec})

    assert refused.value.pointer == pointer
    assert meant is None or f"Did you mean {meant}?" in str(refused.value)


@pytest.mark.parametrize(
    "spec",
    [
        {
            "type": "integer",
            "minimum": 1,
            "title": "T",
            "description": "D",
            "default": 1,
            "examples": [1],
            "example": 1,
        },
        {"type": "string", "x-unit": "EUR", "$comment": "C", "deprecated": True, "readOnly": True, "format": "any"},
        {"type": "object", "properties": {"min": {"type": "integer"}}, "required": True},
        {"type": "object", "default": {"min": 1}, "enum": [{"max": 2}], "const": {"max": 2}},
        {"type": "array", "items": True, "examples": [{"min": 1}]},
        {"type": "string", "enum": ["min"], "required": False},
    ],
)
def test_parameter__of_keywords_annotations_and_names_of_its_own__is_taken(spec: Any) -> None:
    normalize({"amount": spec})


NAMES = ["amount", "note", "items", "properties", "required", "type", "not", "if", "then", "const", "default", "title"]
NAMES += ["allOf", "anyOf", "minLength", "minProperties", "additionalProperties", "$defs", "$ref", "enum", "format"]
SPECS: list[Any] = [
    {"type": "number"},
    {"type": "array", "required": True},
    {"type": ["string", "null"]},
    {"minLength": 1},
]
SPECS += [
    {"required": ["amount"]},
    {},
    {"amount": {"type": "number"}},
    "object",
    "number",
    "#/$defs/amount",
    ["amount"],
]
SPECS += [[{"minLength": 1}], [{"required": ["amount"]}], True, False, 1, None]
VALUES = [None, 0, 1, "", "a", [], ["a"], {}, {"amount": "a"}]


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SPECS), min_size=1, max_size=4))
def test_schema__of_any_members__is_refused_or_refuses_some_parameters(schema: dict[str, Any]) -> None:
    try:
        taken = normalize(schema)
    except InvalidSchemaError:
        return
    if is_said_to_be_open(schema):
        return
    validator = engine.compiled(taken)
    names = [*NAMES, "another"]
    tried = [{}, {"amount": 1}, *({name: value} for name in names for value in VALUES)]
    tried += [dict.fromkeys(names, value) for value in VALUES]

    assert not all(validator.is_valid(each) for each in tried)


def is_said_to_be_open(schema: dict[str, Any]) -> bool:
    """By a keyword of JSON Schema that is about objects, such as `{"additionalProperties": true}`."""
    return (
        set(schema) <= {"type", "title", "default"}
        or schema.get("additionalProperties") in (True, {})
        or any(isinstance(schema.get(name), dict) for name in ("properties", "not", "if", "additionalProperties"))
        or schema.get("minProperties") == 1
        or schema.get("not") is False
    )

"""What a schema may be: one that takes no more time and memory than is its author's to take."""

from typing import Any

import pytest

from integrations.parameters import engine
from integrations.parameters.forms import InvalidSchemaError
from integrations.parameters.schema import normalize

pytestmark = pytest.mark.no_database

# 2^30 checks of one value.
BILLION_LAUGHS: dict[str, Any] = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]} for n in range(30)},
        "a30": {"type": "object"},
    },
}
# Each level asks the one below it more than twice.
UNEVALUATED: dict[str, Any] = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}], "unevaluatedProperties": False} for n in range(20)},
        "a20": {"properties": {"x": True}},
    },
}


def test_pattern__that_backtracks_elsewhere__is_matched_in_linear_time() -> None:
    """Python's own `re` does not end in a lifetime on this."""
    schema = normalize({"code": {"type": "string", "pattern": "(a+)+$"}})

    checks = engine.compiled(schema)

    assert not checks.is_valid({"code": "a" * 100_000 + "b"})
    assert checks.is_valid({"code": "a" * 100_000})


@pytest.mark.parametrize(
    "pattern", ["(?=a)a", "(?<!a)b", r"(a)\1", "(", "a{99999999}", r"^\p{L}{1000}$", "((a{99}){99}){99}"]
)
@pytest.mark.parametrize("where", ["pattern", "patternProperties"])
def test_pattern__that_cannot_be_matched_in_linear_time_and_little_room__is_refused(where: str, pattern: str) -> None:
    with pytest.raises(InvalidSchemaError) as refused:
        normalize({where: pattern if where == "pattern" else {pattern: {}}})

    assert refused.value.pointer.startswith(f"/{where}")
    assert "regular expression" in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{2,3}-\d{1,10}$",
        r"^\w{1,64}$",
        "^.{1,255}$",
        r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
        r"^\p{Lu}",
        "(?i)^yes|no$",
        "",
    ],
)
def test_pattern__as_people_write_them__is_taken(pattern: str) -> None:
    schema = {"properties": {"code": {"pattern": pattern}}}

    assert normalize(schema) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$dynamicRef": "#"},
        {"properties": {"child": {"$ref": "#"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        BILLION_LAUGHS,
        {"properties": {f"p{n}": {} for n in range(2001)}},
        {"patternProperties": {f"p{n}": {} for n in range(31)}},
        UNEVALUATED,
        {"allOf": [{"$ref": "#/$defs/a"}] * 31, "$defs": {"a": {"pattern": "a"}}},
    ],
)
def test_extent__without_an_end_or_too_large__is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchemaError, match="Must have at most") as refused:
        normalize(schema)

    assert refused.value.pointer == ""


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "/$ref"),
        ({"$ref": "file:///etc/passwd"}, "/$ref"),
        ({"$ref": ""}, "/$ref"),
        ({"$ref": "#nowhere"}, "/$ref"),
        ({"$ref": "#/%zz"}, "/$ref"),
        ({"items": {"$dynamicRef": "#nowhere"}}, "/items/$dynamicRef"),
        ({"$id": ":::"}, ""),
        ({"items": {"$id": "https://a.example/"}}, "/items/$id"),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "/items/$schema"),
        ({"a": {"type": "string", "pattern": "("}}, "/a/pattern"),
    ],
)
def test_normalize__what_leads_elsewhere_or_nowhere__is_refused_by_its_pointer(schema: Any, pointer: str) -> None:
    with pytest.raises(InvalidSchemaError) as refused:
        normalize(schema)

    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$id": "https://a.example/s", "$ref": "#/$defs/a", "$defs": {"a": {"minProperties": 1}}},
        {"$ref": "#a", "$defs": {"a": {"$anchor": "a", "required": ["b"]}}},
        {"properties": {name: {"type": "string"} for name in ("$schema", "$id", "$ref", "pattern")}},
        {"properties": {"country": {"enum": [f"c{n}" for n in range(5000)]}}},
    ],
)
def test_normalize__json_schema__is_kept_as_it_is(schema: dict[str, Any]) -> None:
    assert normalize(schema) == schema
    engine.compiled(schema).is_valid({})


def test_patterns__that_are_too_much_together__are_refused() -> None:
    """Each alone is taken; the flat form is counted as a whole, too."""
    pattern = "^((a{0,50}){0,50}b?)*$"
    assert normalize({"a": {"type": "string", "pattern": pattern}})

    for schema in (
        {"allOf": [{"pattern": f"{pattern}{n}"} for n in range(30)]},
        {f"p{n}": {"type": "string", "pattern": f"{pattern}{n}"} for n in range(30)},
        {"allOf": [{"$ref": "#/$defs/a"}] * 20, "$defs": {"a": {"pattern": pattern}}},
    ):
        with pytest.raises(InvalidSchemaError, match="at most 512 KiB together") as refused:
            normalize(schema)
        assert refused.value.pointer == ""


def test_pattern__longer_than_2000_characters__is_refused() -> None:
    with pytest.raises(InvalidSchemaError, match="2,000 characters in each pattern"):
        normalize({"pattern": "|".join(f"a{n}" for n in range(500))})


def test_references__that_multiply_data__are_refused() -> None:
    countries = {"enum": [f"country-{n}" for n in range(1000)]}
    schema = {"$defs": {"a": countries}, "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(100)}}

    with pytest.raises(InvalidSchemaError, match="at most 1,024 KiB"):
        normalize(schema)


def test_data__that_looks_like_a_pattern__is_none() -> None:
    schema = {"default": {"pattern": "("}, "properties": {"pattern": {"const": {"patternProperties": {"(": 1}}}}}

    assert normalize(schema) == schema

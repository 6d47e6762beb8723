"""Requests for every operation, made of what openapi.yaml says of its types: well-formed but unusual, or malformed."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, reduce
from operator import getitem
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from retivo.api import values
from retivo.api.pagination import Cursor
from tests.conftest import REPOSITORY
from tests.retivo.api.test_openapi import SCHEMA

Schema = Mapping[str, Any]
Ids = Mapping[str, list[str]]  # that exist, by the parameter of a path

USERS = ["user-42", "a/b 50%"]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str | bytes] = field(default_factory=dict)


def requests(ids: Ids, *, malformed: bool) -> st.SearchStrategy[Request]:
    """Requests of all operations, each as often."""
    operations = [
        (path, method.upper(), operation)
        for path, item in SCHEMA["paths"].items()
        for method, operation in item.items()
        if "security" in operation
    ]
    well_formed = st.integers(0, len(operations) - 1).flatmap(lambda index: _request(*operations[index], ids))
    return well_formed.flatmap(_spoiled) if malformed else well_formed


@st.composite
def _request(draw: st.DrawFn, path: str, method: str, operation: Schema, ids: Ids) -> Request:
    query, headers = {}, {}
    for parameter in operation.get("parameters", []):
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "path":
            known = st.sampled_from(ids[name]) if name in ids else st.nothing()
            path = path.replace(f"{{{name}}}", quote(str(draw(known | known | of(schema))), safe="/"))
        elif name == "confirm":
            continue  # that the key that all requests are made with is meant to end
        elif parameter["in"] == "query" and draw(st.booleans()):
            value = draw(of(schema))
            query[name] = value if isinstance(value, str) else json.dumps(value)
        elif parameter["in"] == "header" and draw(st.booleans()):
            headers[name] = draw(of(schema)) + f"{draw(st.uuids())}"[:8]  # most are new
    path += f"?{urlencode(query)}" if query else ""
    if "requestBody" not in operation:
        return Request(method, path, headers=headers)
    content = operation["requestBody"]["content"]["application/json"]
    examples = [example["value"] for example in content.get("examples", {}).values()]
    body = draw(of(content["schema"]) | st.sampled_from(examples).flatmap(_unusual))
    encoded = json.dumps(body, ensure_ascii=draw(st.booleans())).encode()
    return Request(method, path, encoded, {"Content-Type": "application/json", **headers})


# --- Well-formed but unusual ----------------------------------------------------------------------------------------

_ODD_TEXTS = (
    " \t\n\r",
    "null",
    "NaN",
    "1e5",
    "0x10",
    "-0",
    "\x01\x7f\x85",
    "\u2028\u2029",
    "\ufeff\ufffe\uffff\ufffd",
    "\u202eabc",
    "e\u0301\u0323" * 9,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0010ffff",
    "\U00010000",
    "İıſßǰΐﬃ",  # longer or shorter in another case
    "%s %(a)s %% {} {0} $1 \\ \\0 \\u0000",
    "'; DROP TABLE x; --",
    'a"b\\"c',
    "%_*?[]^$.|()",
    "__proto__",
    "$identify",
    "$ref",
    "../..",
    "stats",
    "٠١٢",
    "2016-12-31T23:59:60Z",
    "true",
    "rt_live_",
)
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_TEXTS = st.sampled_from(_ODD_TEXTS) | st.text(_CHARACTERS, max_size=12)

_OFFSETS = st.sampled_from([-1439, -960, -900, -1, 0, 330, 900, 959, 960, 1439]).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
_TIMESTAMPS = st.one_of(
    st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=_OFFSETS).map(datetime.isoformat),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_OFFSETS).map(datetime.isoformat),
    st.sampled_from(
        [
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60.999999999+01:00",
            "2024-02-29t23:59:59.123456789123z",
            "2026-01-01 00:00:00.0000005-23:59",
            "9999-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00Z",
        ]
    ),
)
_NUMBERS = st.one_of(
    st.integers(-9, 200),
    st.sampled_from(
        [0.0, -0.0, 0.1, 1e-7, 5e-324, 1.7976931348623157e308, -1e308, 1e16, 2**31, 2**53 + 1, 2**63, 2**64]
    ),
    st.sampled_from([10**308, -(10**100)]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_SCALARS = st.none() | st.booleans() | _NUMBERS | _TEXTS | _TIMESTAMPS

# What stands as a name or as a whole object anywhere in the API's description and in the documentation means something.
_DOCUMENTED: list[Any] = []
for _page in sorted((REPOSITORY / "docs").glob("*.md")):
    for _block in re.findall(r"```json\n(.*?)```", _page.read_text(), re.DOTALL):
        try:
            _DOCUMENTED.append(json.loads(_block))
        except ValueError:  # an excerpt
            continue


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _names_in(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*map(_names_in, node.values()))
    return set().union(*map(_names_in, node)) if isinstance(node, list) else set()


_NAMES = st.sampled_from(sorted(_names_in([SCHEMA, _DOCUMENTED]))) | _TEXTS | st.just("")

_LEAVES = _SCALARS | st.sampled_from([{}, [], [[]], {"": {}}])
_SMALL_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=6
)
_DEEP = st.integers(1, values.MAX_DEPTH - 4).map(lambda depth: json.loads('{"a":' * depth + "[]" + "}" * depth))
_LONG = st.sampled_from(["x" * 30_000, "\U0001f600" * 9_000, [0] * 5_000, {str(n): n for n in range(3_000)}])
_JSON = _SMALL_JSON | _SMALL_JSON | _SMALL_JSON | _DEEP | _LONG


@st.composite
def _unusual(draw: st.DrawFn, example: Any) -> Any:
    """An example with some of its values replaced."""
    if draw(st.integers(0, 9)) == 0:
        return draw(_JSON)
    if isinstance(example, dict):
        found = {name: draw(_unusual(value)) for name, value in example.items() if draw(st.integers(0, 19))}
        return found | (draw(_OBJECTS) if draw(st.integers(0, 9)) == 0 else {})
    if isinstance(example, list):
        return [draw(_unusual(item)) for item in example]
    if isinstance(example, str):
        return draw(st.just(example) | st.just(example) | _TEXTS | _TIMESTAMPS)
    return draw(st.just(example) | _SCALARS)


_OBJECTS: st.SearchStrategy[Any] = st.dictionaries(_NAMES, _SMALL_JSON, max_size=5) | st.sampled_from(
    [each for each in _DOCUMENTED if _is_object(each)]
).flatmap(_unusual).filter(_is_object)

_JSON_SCHEMAS: st.SearchStrategy[Any] = st.deferred(
    lambda: st.one_of(
        _OBJECTS,
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(_NAMES, _JSON_SCHEMAS, max_size=3)},
            optional={"required": st.lists(_NAMES, max_size=3, unique=True), "additionalProperties": st.booleans()},
        ),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["string", "number", "integer", "boolean", "null", "array"])},
            optional={
                "enum": st.lists(_SCALARS, min_size=1, max_size=3),
                "const": _SMALL_JSON,
                "default": _SMALL_JSON,
                "pattern": _TEXTS,
                "format": st.sampled_from(["date-time", "email", "uuid", "uri", "regex"]) | _TEXTS,
                "minimum": _NUMBERS,
                "multipleOf": _NUMBERS,
                "maxLength": _NUMBERS,
                "required": st.booleans(),
                "items": _JSON_SCHEMAS,
            },
        ),
    )
)

_FORMATS: dict[str, st.SearchStrategy[Any]] = {
    "date-time": _TIMESTAMPS,
    "uuid": st.uuids().map(str) | st.just(str(uuid.UUID(int=0)).upper()),
    "uri": st.from_regex(r"https://[a-z]{1,9}\.example(:443)?/[a-z0-9/?&=#%]{0,20}", fullmatch=True),
    "cursor": st.datetimes(timezones=st.just(UTC)).map(lambda moment: str(Cursor(moment, uuid.UUID(int=0)))),
    "mixpanel-data": st.just("eyJldmVudCI6ImUiLCJwcm9wZXJ0aWVzIjp7ImRpc3RpbmN0X2lkIjoidSJ9fQ=="),
}
_USERS = st.sampled_from(USERS)
_ANY_TEXT = r"[^\u0000]*"


def of(schema: Schema) -> st.SearchStrategy[Any]:
    """Values of a type as openapi.yaml has it."""
    if "$ref" in schema:
        return _named(schema["$ref"])
    if "allOf" in schema:
        return of(schema["allOf"][0])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return st.one_of([of(each) for each in schema[several]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    types = schema.get("type", "any")
    return st.one_of([_OF_TYPE[each](schema) for each in ([types] if isinstance(types, str) else types)])


@cache
def _named(reference: str) -> st.SearchStrategy[Any]:
    name = reference.rpartition("/")[2]
    if name == "JsonValue":
        return _JSON
    if name == "JsonSchema":
        return _JSON_SCHEMAS
    return st.deferred(lambda: of(reduce(getitem, reference.split("/")[1:], SCHEMA)))


def _text(schema: Schema) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10_000)
    pattern: str = schema.get("pattern", _ANY_TEXT)
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if _ANY_TEXT not in pattern:
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: least <= len(text) <= most)
    longest = st.sampled_from(["x", "é", "\U0001f600", "İ"]).map(lambda character: character * min(most, 2000))
    return (_TEXTS | longest).filter(lambda text: least <= len(text) <= most and bool(re.search(pattern, text)))


def _integer(schema: Schema) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1)
    return st.sampled_from([least, most, float(least)]) | st.integers(least, most)


def _number(schema: Schema) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return _NUMBERS
    return st.floats(least, most, allow_nan=False, allow_infinity=False)


def _array(schema: Schema) -> st.SearchStrategy[Any]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", 4)
    return st.lists(of(schema.get("items", {})), min_size=least, max_size=max(least, min(most, 4)))


@st.composite
def _object(draw: st.DrawFn, schema: Schema) -> Any:
    found = {}
    for name, type_ in schema.get("properties", {}).items():
        if name in schema.get("required", []) or draw(st.booleans()):
            found[name] = draw(_USERS | _USERS | of(type_) if name == "user_id" else of(type_))
    more = schema.get("additionalProperties", "properties" not in schema)
    if more is True or more == {"$ref": "#/components/schemas/JsonValue"}:
        return draw(_OBJECTS) | found
    return draw(st.dictionaries(_NAMES, of(more), max_size=3)) | found if more else found


_OF_TYPE: dict[str, Callable[[Schema], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": lambda schema: st.booleans(),
    "null": lambda schema: st.none(),
    "array": _array,
    "object": _object,
    "any": lambda schema: _JSON,
}


# --- Malformed ------------------------------------------------------------------------------------------------------

_WRONG_JSON = [
    r'"\u0000"',
    r'"a\ud800"',
    r'"\udc00b"',
    '"\x00"',
    "NaN",
    "-Infinity",
    "1e400",
    "-1e999999999",
    "1" * 400,
    "1" * 5000,
    "01",
    "'x'",
    "{,}",
    "[1,]",
    '{"a":1,"a":2}',
    r'{"\u0000":{}}',
    r'{"\ud800":{}}',
    "[" * 40 + "]" * 40,
    '{"a":' * 700 + "1" + "}" * 700,
    "[" * 20_000 + "]" * 20_000,
    "[" * 20_000,
    '"' + "x" * 70_000 + '"',
    '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:60-23:59"',
    '"2026-01-01T00:00:00+99:99"',
    "9223372036854775808",
    "1e308",
    "true",
    "null",
    "[]",
    "{}",
    '""',
    "",
]
_WRONG_BYTES = [b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc0\x80", b"\\", b'"', b"{", b"]", b",", b"\r\n"]
_WRONG_PATHS = ["%00", "%ff", "%ed%a0%80", "%2f", "%", "%zz", "..", "x" * 3000, "%F0%9F%98%80", "%20", "'", "%0a", "/"]
_WRONG_QUERIES = ["%00", "%ff", "%ed%a0%80", "x" * 3000, "1&limit=1", "-1", "1e400", "٣", "nan", "9" * 400, "+", "\\"]
_WRONG_HEADERS: list[tuple[str, bytes]] = [
    ("Idempotency-Key", b""),
    ("Idempotency-Key", b'""'),
    ("Idempotency-Key", b"x" * 256),
    ("Idempotency-Key", b"a b"),
    ("Idempotency-Key", b"\xff\xfe"),
    ("X-Request-Id", b"\xff {}"),
    ("X-Request-Id", b"x" * 4000),
    ("Content-Type", b"application/x-www-form-urlencoded"),
    ("Content-Type", b"application/x-ndjson"),
    ("Content-Type", b"text/plain; charset=\xff"),
    ("Content-Type", b"application/json; charset=utf-16"),
    ("Content-Type", b""),
    ("Content-Encoding", b"gzip"),
    ("Content-Encoding", b"br"),
    ("Accept", b"\xff;q=x"),
    ("Authorization", b"Basic \xff"),
    ("Authorization", b"Bearer rt_live_\xff"),
    ("X-Forwarded-For", b"\xff, ::1%eth0, 1"),
    ("Host", b"[::1"),
    ("Traceparent", b"00-\xff"),
    ("If-Modified-Since", b"\xff"),
]
_PLACES = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null')


@st.composite
def _spoiled(draw: st.DrawFn, request: Request) -> Request:
    """The request with one to three things wrong with it."""
    for _ in range(draw(st.integers(1, 3))):
        ways = [_spoil_head, _spoil_path] + ([_spoil_value] * 4 + [_spoil_bytes] * 2 if request.body else [])
        request = draw(st.sampled_from(ways))(draw, request)
    return request


def _spoil_value(draw: st.DrawFn, request: Request) -> Request:
    begin, end = draw(st.sampled_from([each.span() for each in _PLACES.finditer(request.body[:100_000])] or [(0, 0)]))
    wrong = draw(st.sampled_from(_WRONG_JSON)).encode(errors="surrogatepass")
    return replace(request, body=request.body[:begin] + wrong + request.body[end:])


def _spoil_bytes(draw: st.DrawFn, request: Request) -> Request:
    at = draw(st.integers(0, len(request.body)))
    tail = draw(st.sampled_from([b"", request.body[at:], request.body[at + 1 :]]))
    return replace(request, body=request.body[:at] + draw(st.sampled_from(_WRONG_BYTES)) + tail)


def _spoil_head(draw: st.DrawFn, request: Request) -> Request:
    name, value = draw(st.sampled_from(_WRONG_HEADERS))
    return replace(request, headers={**request.headers, name: value})


def _spoil_path(draw: st.DrawFn, request: Request) -> Request:
    path, _, query = request.path.partition("?")
    if draw(st.booleans()):
        parts = path.split("/")
        parts[draw(st.integers(3, len(parts))) - 1] = draw(st.sampled_from(_WRONG_PATHS))
        return replace(request, path="/".join(parts) + (f"?{query}" if query else ""))
    names = [each.partition("=")[0] for each in query.split("&") if each] or [
        "limit",
        "cursor",
        "since",
        "user_id",
        "q",
    ]
    name, wrong = draw(st.sampled_from(names)), draw(st.sampled_from(_WRONG_QUERIES))
    return replace(request, path=f"{path}?{name}={wrong}")

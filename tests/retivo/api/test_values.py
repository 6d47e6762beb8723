"""What is accepted, that PostgreSQL takes it, and that all who read it agree."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.connectors.shared.members import moment
from retivo.api import values
from retivo.api.pagination import Cursor
from retivo.api.serializers import TimestampField
from tests.conftest import Api
from tests.events.cast import event, rows, track

# --- Timestamps -----------------------------------------------------------------------------------------------------

TIMESTAMPS = {
    "2026-01-01T00:00:00+23:59": "2025-12-31T00:01:00Z",
    "2026-01-01T00:00:00-23:59": "2026-01-01T23:59:00Z",
    "2026-01-01T00:00:00+16:00": "2025-12-31T08:00:00Z",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
    "2017-01-01T01:59:60.25+02:00": "2017-01-01T00:00:00.25Z",
    "2026-01-01T00:00:00.1234564Z": "2026-01-01T00:00:00.123456Z",
    "2026-01-01T00:00:00.1234565Z": "2026-01-01T00:00:00.123457Z",
    "2026-12-31T23:59:59.999999500Z": "2027-01-01T00:00:00Z",
    "2026-01-01t00:00:00.5z": "2026-01-01T00:00:00.5Z",
    "2026-01-01 00:00:00Z": "2026-01-01T00:00:00Z",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00Z",
}

NO_TIMESTAMPS = [
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:61Z",
    "2026-02-29T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:60Z",
    "9999-12-31T23:59:59.9999999Z",
    "0000-01-01T00:00:00Z",
    "2026-01-01",
    "2026-W01-1T00:00:00Z",
    "2026-01-01T00:00:00.Z",
    "٢٠٢٦-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
    "2026-01-01T00:00:00Z\0",
    "",
]

_OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_ALMOST = st.from_regex(
    r"[0-2]\d\d\d-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,12})?([Zz]|[+-][0-2]\d:?[0-9]\d)?", fullmatch=True
)
_ANY_TIME = st.datetimes(timezones=_OFFSETS).map(datetime.isoformat) | _ALMOST


@pytest.mark.no_database
@pytest.mark.parametrize(("text", "utc"), TIMESTAMPS.items())
def test_timestamp__is_read_alike_everywhere(text: str, utc: str) -> None:
    expected = datetime.fromisoformat(utc)

    assert values.timestamp(text) == moment(text) == TimestampField().to_internal_value(text) == expected


@pytest.mark.no_database
@pytest.mark.parametrize("text", NO_TIMESTAMPS)
def test_timestamp__that_is_none__is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"timestamp|month|day|hour|minute|second|offset|year"):
        values.timestamp(text)


_by_msgspec = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)]).decode


@pytest.mark.no_database
@settings(max_examples=1000, deadline=None, database=None)
@given(text=_ANY_TIME)
def test_timestamp__that_the_fast_decoder_takes__is_the_same_here(text: str) -> None:
    try:
        found = _by_msgspec(json.dumps(text)).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return
    assert values.timestamp(text) == found


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_ANY_TIME)
def test_timestamp__that_is_accepted__postgresql_takes(merchant: Api, text: str) -> None:
    try:
        accepted = values.timestamp(text)
    except ValueError:
        return
    assert accepted.tzinfo is UTC
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s = %s::timestamptz", [accepted, accepted.isoformat()])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("text", [text for text in TIMESTAMPS if text < "2026-11"])
def test_timestamp__of_an_event__is_stored_whichever_way_the_event_goes(merchant: Api, text: str) -> None:
    for beside in ([], [event(properties=None)], [event()]):
        assert track(merchant, event(timestamp=text), *beside)["accepted"] == 1 + (beside == [event()])

    stored = rows(merchant, "SELECT DISTINCT timestamp FROM events_event ORDER BY 1 LIMIT 1")
    assert stored == [(datetime.fromisoformat(TIMESTAMPS[text]),)]


@pytest.mark.no_database
@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00+16:00", "1767225600e0"])
def test_moment__of_an_sdk__may_lack_what_rfc_3339_asks_for(text: str) -> None:
    assert isinstance(moment(text), datetime)


@pytest.mark.no_database
def test_cursor__of_any_moment__is_read_as_it_was_written() -> None:
    for found in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert Cursor.parse(str(Cursor(found, "0" * 32))).created_at == found


# --- JSON -----------------------------------------------------------------------------------------------------------

_SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(10**310), 10**310) | st.floats() | st.text()
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_JSON, surrogates=st.booleans())
def test_json__that_is_accepted__postgresql_gives_back(merchant: Api, data: Any, surrogates: bool) -> None:
    try:
        accepted = values.decode(json.dumps(data, ensure_ascii=surrogates).encode(errors="surrogatepass"))
    except values.UnacceptableError:
        return
    sent = values.encode(accepted).decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [sent])
        (stored,) = cursor.fetchone()
    assert json.loads(stored, parse_int=float) == json.loads(sent, parse_int=float)
    assert values.same(json.loads(stored), accepted)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ({"a": 1, "b": [1, "2"]}, {"b": [1.0, "2"], "a": 1}, True),
        (10**16, 1e16, True),
        (0, -0.0, True),
        (Decimal("1.50"), Decimal("1.5"), True),
        (1, True, False),
        ([0], [False], False),
        (None, False, False),
        (1, "1", False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": None}, {}, False),
        ({}, [], False),
        (2**53, 2**53 + 1, False),
    ],
)
def test_values__are_the_same_as_json(one: Any, other: Any, are: bool) -> None:
    assert values.same(one, other) is values.same(other, one) is are


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[" * 33 + "]" * 33, "nested_too_deep"),
        ('{"a":' * 33 + "1" + "}" * 33, "nested_too_deep"),
        ("[" * 100_000, "nested_too_deep"),
        (r'["\u0000"]', "nul_character"),
        (r'{"\u0000": 1}', "nul_character"),
        (r'"\ud800"', "malformed_json"),
        ('"\udc00"', "malformed_json"),
        ("1" * 310, "number_out_of_range"),
        ("1e309", "number_out_of_range"),
        ("-1E400", "number_out_of_range"),
        ("1" * 5000, "number_out_of_range"),
        ("NaN", "malformed_json"),
        ("", "malformed_json"),
    ],
)
def test_json__that_is_not_accepted__is_a_fault(body: str, code: str) -> None:
    with pytest.raises(values.UnacceptableError) as caught:
        values.decode(body.encode(errors="surrogatepass"))
    assert caught.value.fault.code == code


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ('{"a": [0, {"b/c": 1E400}]}', "/a/1/b~1c", "Numbers must fit into a double"),
        ('{"a": %s}' % ("9" * 5000), "/a", "Numbers must fit into a double"),
        (r'{"name": "\ud800"}', "", "half a surrogate pair"),
        (r'{"name": "\udc00"}', "", "half a surrogate pair"),
        (r'{"name": "\ud800 and more"}', "", "half a surrogate pair"),
        (r'{"\ud83d\u0041": 1}', "", "half a surrogate pair"),
        (r'{"name": "\ud800', "", "not valid JSON"),
        ('{"a": 1e400', "", "not valid JSON"),
        ('{"a": NaN}', "", "not valid JSON"),
        ('{"a": "\udc00"}', "", "not valid UTF-8"),
    ],
)
def test_json__that_is_not_accepted__names_the_rule_and_the_place(body: str, pointer: str, says: str) -> None:
    with pytest.raises(values.UnacceptableError) as caught:
        values.decode(body.encode(errors="surrogatepass"))
    assert (caught.value.fault.pointer, says in caught.value.fault.detail) == (pointer, True), caught.value.fault


@pytest.mark.no_database
@pytest.mark.parametrize("body", ["[" * 32 + "]" * 32, "1.7976931348623157e308", "-0.0", "5e-324", "1" * 308, '"\x7f"'])
def test_json__at_its_bounds__is_accepted(body: str) -> None:
    assert values.decode(body.encode()) == json.loads(body)


@pytest.mark.no_database
@pytest.mark.parametrize("number", [1e-300, 1.5e300, -5e-324])
def test_object__whose_numbers_are_long_when_written_out__is_large(number: float) -> None:
    """As PostgreSQL writes them."""
    assert values.is_large({"a": [number] * 300})
    assert not values.is_large({"a": [number] * 100, "b": ["1e-300"] * 3000})


@pytest.mark.no_database
@settings(max_examples=300, deadline=None, database=None)
@given(data=_JSON.filter(lambda data: isinstance(data, dict | list)))
def test_shallow__of_what_is_shallow_already__changes_nothing(data: Any) -> None:
    body = json.dumps(data).encode()

    assert values.shallow(body) == body


@pytest.mark.no_database
@pytest.mark.parametrize("depth", [64, 65, 1000, 500_000])
def test_shallow__of_what_is_deep__stays_too_deep_and_can_be_read(depth: int) -> None:
    body = b'{"a": [%s, "]]]\\"", [1]], "b": 2}' % (b"[" * depth + b"]" * depth)

    found = json.loads(values.shallow(body))

    assert (found["a"][1:], found["b"]) == (['"]]]"'[1:-1] + '"', [1]], 2)
    fault = values.fault(found)
    assert fault is not None
    assert fault.code == "nested_too_deep"

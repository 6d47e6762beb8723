"""What no honest sender sends, over a real socket: each event is taken or refused by itself, and never a 5xx."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.cast import count, event

MIB = 1024 * 1024


def send(server: Server, api: Api, body: bytes, path: str = "/api/track", **headers: str) -> httpx.Response:
    named = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"} | headers
    return plain_http.post(server.url + path, content=body, headers=named, timeout=60)


def batch(*events: Any) -> bytes:
    return json.dumps({"events": events}).encode()


def test_hundred_events__of_which_fifty_are_bad__stores_the_other_fifty(merchant: Api, server: Server) -> None:
    bad = [{"user_id": n, "event": "e"} for n in range(50)]
    good = [event(f"u{n}") for n in range(50)]

    response = send(server, merchant, batch(*(item for pair in zip(bad, good, strict=True) for item in pair)))

    assert response.status_code == 200
    assert response.json()["accepted"] == 50
    assert [rejection["index"] for rejection in response.json()["rejected"]] == list(range(0, 100, 2))
    assert count(merchant, "events_event") == 50


def test_user_id_of_ten_thousand_characters__is_refused_alone(merchant: Api, server: Server) -> None:
    answer = send(server, merchant, batch(event("x" * 10_000), event("é" * 255))).json()

    assert (answer["accepted"], answer["rejected"][0]["code"]) == (1, "invalid_user_id")


def test_properties_of_nearly_64_kib__are_stored_whole(merchant: Api, server: Server) -> None:
    assert send(server, merchant, batch(event(properties={"text": "é" * 32_000}))).json()["accepted"] == 1


def test_body_above_a_mebibyte__is_413_and_nothing_is_stored(merchant: Api, server: Server) -> None:
    response = send(server, merchant, batch(event(properties={"text": "x" * MIB})))

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert count(merchant, "events_event") == 0


def test_property_names_by_the_thousand__are_stored(merchant: Api, server: Server) -> None:
    assert send(server, merchant, batch(event(properties={f"p{n}": n for n in range(4_000)}))).json()["accepted"] == 1


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 400, "NaN", "Infinity", "0x10", "1_000", "01"])
def test_number_that_is_none_or_beyond_a_float__never_sinks_the_neighbour(
    merchant: Api, server: Server, number: str
) -> None:
    body = b'{"events": [{"user_id": "u", "event": "e", "properties": {"n": %s}}, %s]}' % (
        number.encode(),
        json.dumps(event()).encode(),
    )

    response = send(server, merchant, body)

    # Where the text is no JSON at all there are no neighbours.
    assert response.status_code in (200, 400), response.text
    if response.status_code == 200:
        assert response.json()["accepted"] == 1
        assert [rejection["index"] for rejection in response.json()["rejected"]] == [0]


@pytest.mark.parametrize("offset", ["+16:00", "+23:59", "-16:00", "-23:59"])
def test_timestamp_of_an_offset_that_postgresql_refuses__is_stored(merchant: Api, server: Server, offset: str) -> None:
    for _ in range(2):  # the user is known the second time, so that the plain way is tried first
        response = send(server, merchant, batch(event(timestamp=f"2026-04-01T00:00:00{offset}"), event()))
        assert response.json() == {"accepted": 2, "duplicates": 0, "rejected": []}


def test_long_digits_in_a_text__are_stored(merchant: Api, server: Server) -> None:
    assert send(server, merchant, batch(event(properties={"text": "1" * 400}))).json()["accepted"] == 1


@pytest.mark.parametrize("number", ["1e308", "5e-324", "-0.0", str(2**63), str(-(2**70))])
def test_number_that_json_can_hold__is_stored(merchant: Api, server: Server, number: str) -> None:
    body = b'{"events": [{"user_id": "u", "event": "e", "properties": {"n": %s}}]}' % number.encode()

    assert send(server, merchant, body).json()["accepted"] == 1


def test_member_twice_in_one_event__takes_the_last(merchant: Api, server: Server) -> None:
    body = b'{"events": [{"user_id": "a", "user_id": "b", "event": "e", "event": "f"}], "events": []}'

    assert send(server, merchant, body).json() == {"accepted": 0, "duplicates": 0, "rejected": []}


@pytest.mark.parametrize("path", ["/api/track", "/api/external/events"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"])
def test_body_of_another_type__is_415(merchant: Api, server: Server, path: str, content_type: str) -> None:
    response = send(server, merchant, batch(event()), path, **{"Content-Type": content_type})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_nearly_an_event = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("user_id", "event", "properties", "timestamp", "idempotency_key"), _json)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(_json | _nearly_an_event, max_size=6), surrogates=st.booleans())
def test_any_json__adds_up(merchant: Api, server: Server, events: list[Any], surrogates: bool) -> None:
    body = json.dumps({"events": events}, ensure_ascii=surrogates).encode(errors="surrogatepass")

    response = send(server, merchant, body)

    assert response.status_code in (200, 400), response.text
    if response.status_code == 200:
        answer = response.json()
        assert answer["accepted"] + answer["duplicates"] + len(answer["rejected"]) == len(events)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_any_bytes__are_400(merchant: Api, server: Server, body: bytes) -> None:
    assert send(server, merchant, body).status_code == 400

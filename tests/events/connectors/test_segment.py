"""Segment's own SDK against the real server, and what its webhook destination sends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from segment.analytics.client import Client

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.connectors.flaky import Flaky, flaky  # noqa: F401 - a fixture
from tests.events.connectors.stored import assert_holds_no_key, events, names, rows, traits

PATH = "/api/connectors/segment"


@contextmanager
def sdk(host: str, key: str, **options: Any) -> Iterator[tuple[Client, list[Any]]]:
    """A client and the errors that it reports; at the end all is sent and its threads are gone."""
    errors: list[Any] = []
    client = Client(
        write_key=key,
        host=f"{host}{PATH}",
        on_error=lambda error, batch: errors.append(error),
        upload_interval=0.05,
        **options,
    )
    try:
        yield client, errors
    finally:
        client.shutdown()


@pytest.mark.parametrize("gzip", [False, True])
def test_sdk__identify_track_and_page__are_stored_as_ours(merchant: Api, server: Server, gzip: bool) -> None:
    moment = datetime(2026, 11, 1, 10, tzinfo=UTC)

    with sdk(server.url, merchant.key, gzip=gzip) as (client, errors):
        client.identify("u1", {"name": "Ada", "plan": "pro"})
        client.track("u1", "Order Completed", {"value": 19.9}, timestamp=moment)
        client.page("u1", "docs", "Start", {"url": "https://shop.example/start"})
        client.screen("u1", name="Cart")
        client.track(event="Seen", anonymous_id="a1")
        client.group("u1", "g1", {"name": "Acme"})
        client.alias("a1", "u1")

    assert errors == []
    assert events(merchant) == [
        ("u1", "$identify", {"name": "Ada", "plan": "pro"}),
        ("u1", "Order Completed", {"value": 19.9}),
        ("a1", "Seen", {}),
        ("u1", "page_viewed", {"url": "https://shop.example/start", "name": "Start", "category": "docs"}),
        ("u1", "screen_viewed", {"name": "Cart"}),
    ]
    assert traits(merchant, "u1") == {"name": "Ada", "plan": "pro"}
    assert rows(merchant, "SELECT name, source, timestamp FROM events_event WHERE name LIKE 'Order%'") == [
        ("Order Completed", "segment", moment)
    ]
    assert rows(merchant, "SELECT name FROM events_trackeduser WHERE user_id = 'u1'") == [("Ada",)]
    assert_holds_no_key(merchant)


def test_sdk__250_messages__arrive_in_its_batches(merchant: Api, server: Server) -> None:
    with sdk(server.url, merchant.key) as (client, errors):
        for number in range(250):
            client.track(f"u{number % 7}", "clicked", {"number": number})

    assert errors == []
    assert sorted(properties["number"] for _, _, properties in events(merchant)) == list(range(250))


def test_sdk__a_number_that_is_none_in_one_message__keeps_all_of_them(merchant: Api, server: Server) -> None:
    """Python's JSON encoder writes NaN, which is not JSON."""
    with sdk(server.url, merchant.key) as (client, errors):
        client.track("u1", "odd", {"value": float("nan"), "text": "half \ud83d"})
        client.track("u2", "sane")

    assert errors == []
    assert [event[:2] for event in events(merchant)] == [("u1", "odd"), ("u2", "sane")]


def test_sdk__a_server_that_fails_after_it_stored__stores_once(merchant: Api, flaky: Flaky) -> None:  # noqa: F811
    flaky.plan = ["refuse", "lose the answer"]

    with sdk(flaky.url, merchant.key) as (client, errors):
        client.track("u1", "clicked")

    assert errors == []
    assert flaky.seen == 3
    assert names(merchant) == ["clicked"]


def test_sdk__a_wrong_key__is_reported_and_stores_nothing(
    merchant: Api, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "segment")
    for wrong in ("rt_live_nonsense", merchant.key[:-1] + ("x" if merchant.key[-1] != "x" else "y")):
        with sdk(server.url, wrong) as (client, errors):
            client.track("u1", "clicked")

        assert [error.status for error in errors] == [401]
    assert events(merchant) == []


def test_sdk__two_tenants_in_one_process__are_kept_apart(acme: Api, merchant: Api, server: Server) -> None:
    other = acme.provision("other")

    with sdk(server.url, merchant.key) as (one, errors), sdk(server.url, other.key) as (two, more):
        one.track("u1", "of the merchant")
        two.track("u1", "of the other")

    assert errors == more == []
    assert names(merchant) == ["of the merchant"]
    assert names(other) == ["of the other"]


# --- HTTP -----------------------------------------------------------------------------------------------------------


def message(**members: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": "clicked", **members}


def test_webhook__one_message_with_a_bearer_key__is_taken(merchant: Api) -> None:
    response = merchant.post(PATH, message(messageId="m1", timestamp="2026-11-01T10:00:00.000Z", version=2))

    assert response.status_code == 200
    assert response.json() == {"success": True, "accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}
    assert merchant.post(PATH, message(messageId="m1")).json()["duplicates"] == 1


def test_webhook__a_batch_or_an_array__is_taken_message_by_message(merchant: Api) -> None:
    sent = [message(), {"type": "group", "userId": "u1"}, {"type": "delete"}, message(userId=""), 5]

    for body in ({"batch": sent}, sent):
        answer = merchant.post(PATH, body).json()
        assert (answer["accepted"], answer["skipped"]) == (1, 2)
        assert [(found["index"], found["code"]) for found in answer["rejected"]] == [
            (3, "invalid_user_id"),
            (4, "invalid_event"),
        ]


@pytest.mark.parametrize(
    ("kind", "body", "stored"),
    [
        ("identify", {"userId": 7, "traits": {"plan": "pro"}}, [("7", "$identify", {"plan": "pro"})]),
        ("track", {"anonymousId": "a", "event": "e"}, [("a", "e", {})]),
        ("page", {"userId": "u", "properties": {"name": "x"}}, [("u", "page_viewed", {"name": "x"})]),
        ("screen", {"userId": "u", "name": "y"}, [("u", "screen_viewed", {"name": "y"})]),
        ("group", {"userId": "u", "groupId": "g"}, []),
        ("alias", {"userId": "u", "previousId": "p"}, []),
    ],
)
def test_http_api__a_message_whose_type_the_path_says__is_taken(
    merchant: Api, server: Server, kind: str, body: dict[str, Any], stored: list[Any]
) -> None:
    response = plain_http.post(f"{server.url}{PATH}/v1/{kind}", json=body, auth=(merchant.key, ""))

    assert response.json()["success"] is True
    assert events(merchant) == stored


@pytest.mark.parametrize(
    ("company", "stored"),
    [
        ({"name": "Initech", "id": "c1", "employee_count": 40}, "Initech"),
        ({"name": 42}, "42"),
        ("Initech", "Initech"),
        ({"id": "c1"}, "before"),
        ({"name": None}, "before"),
        ({"name": ""}, "before"),
        ({}, "before"),
        (None, None),
    ],
)
def test_identify__a_company_as_segment_describes_it__is_known_by_its_name(
    merchant: Api, company: Any, stored: str | None
) -> None:
    for each in ("before", company):
        merchant.post(PATH, message(type="identify", userId="u1", traits={"company": each, "plan": "pro"}))

    expected = {"plan": "pro"} | ({"company": stored} if stored else {})
    assert traits(merchant, "u1") == expected


def test_identify__a_key_in_the_name_of_a_company__is_not_stored(merchant: Api) -> None:
    merchant.post(PATH, message(type="identify", userId="u1", traits={"company": {"name": merchant.key}}))

    assert traits(merchant, "u1") == {}
    assert_holds_no_key(merchant)


def test_http_api__an_unknown_type__is_404(merchant: Api) -> None:
    assert merchant.post(f"{PATH}/v1/import", message()).status_code == 404


def test_key__in_the_body_of_one_message__is_taken_and_not_stored(merchant: Api, server: Server) -> None:
    body = message(writeKey=merchant.key, properties={"key": merchant.key, "value": 1})

    assert plain_http.post(f"{server.url}{PATH}", json=body).status_code == 200
    assert events(merchant) == [("u1", "clicked", {"value": 1})]
    assert_holds_no_key(merchant)


def test_key__of_another_tenant_in_a_message__refuses_that_message(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")

    answer = merchant.post(PATH, {"batch": [message(), message(writeKey=other.key)]}).json()

    assert (answer["accepted"], [found["code"] for found in answer["rejected"]]) == (1, ["other_api_key"])
    assert other.key not in str(answer)

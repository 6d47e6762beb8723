"""PostHog's own SDK against the real server, and what its webhook destination and its other libraries send."""

import base64
import gzip as gzip_
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from posthog import Posthog

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.connectors.flaky import Flaky, flaky  # noqa: F401 - a fixture
from tests.events.connectors.stored import assert_holds_no_key, events, names, rows, traits

PATH = "/api/connectors/posthog"


@contextmanager
def sdk(host: str, key: str, **options: Any) -> Iterator[tuple[Posthog, list[Any]]]:
    """A client and the errors that it reports; at the end all is sent and its threads are gone."""
    errors: list[Any] = []
    client = Posthog(
        key,
        host=f"{host}{PATH}",
        on_error=lambda error, batch: errors.append(error),
        flush_interval=0.05,
        **options,
    )
    try:
        yield client, errors
    finally:
        client.shutdown()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "posthog")


@pytest.mark.parametrize("options", [{}, {"gzip": True}, {"capture_mode": "v1"}, {"sync_mode": True}])
def test_sdk__what_it_captures_and_sets__is_stored_as_ours(
    merchant: Api, server: Server, options: dict[str, Any]
) -> None:
    moment = datetime(2026, 11, 1, 10, tzinfo=UTC)

    with sdk(server.url, merchant.key, **options) as (client, errors):
        client.capture(
            "bought", distinct_id="u1", properties={"value": 19.9, "$set": {"plan": "pro"}}, timestamp=moment
        )
        client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://shop.example/"})
        client.set(distinct_id="u1", properties={"name": "Ada"})
        client.set_once(distinct_id="u1", properties={"name": "Bob", "source": "ad"})
        client.capture("$feature_flag_called", distinct_id="u1")
        client.group_identify("company", "acme", {"size": 5})
        client.alias("a1", "u1")

    assert errors == []
    assert names(merchant) == ["$identify", "$identify", "bought", "page_viewed"]
    stored = {name: properties for _, name, properties in events(merchant)}
    assert (stored["bought"]["value"], "$set" in stored["bought"]) == (19.9, False)
    assert stored["page_viewed"]["$current_url"] == "https://shop.example/"
    assert traits(merchant, "u1") == {"plan": "pro", "name": "Ada", "source": "ad"}
    assert rows(merchant, "SELECT source, timestamp FROM events_event WHERE name = 'bought'") == [("posthog", moment)]
    assert rows(merchant, "SELECT name FROM events_trackeduser") == [("Ada",)]
    assert_holds_no_key(merchant)


def test_sdk__250_events__arrive_in_its_batches(merchant: Api, server: Server) -> None:
    with sdk(server.url, merchant.key, historical_migration=True) as (client, errors):
        for number in range(250):
            client.capture("clicked", distinct_id=f"u{number % 7}", properties={"number": number})

    assert errors == []
    assert sorted(properties["number"] for _, _, properties in events(merchant)) == list(range(250))


def test_sdk__a_batch_of_more_than_a_hundred__is_taken_whole(merchant: Api, server: Server) -> None:
    with sdk(server.url, merchant.key, flush_at=500) as (client, errors):
        for number in range(400):
            client.capture("clicked", distinct_id=f"u{number}")

    assert errors == []
    assert len(events(merchant)) == 400


@pytest.mark.parametrize("options", [{}, {"capture_mode": "v1"}])
def test_sdk__a_server_that_fails_after_it_stored__stores_once(
    merchant: Api,
    flaky: Flaky,  # noqa: F811
    options: dict[str, Any],
) -> None:
    flaky.plan = ["lose the answer"]

    with sdk(flaky.url, merchant.key, **options) as (client, errors):
        client.capture("clicked", distinct_id="u1")

    assert errors == []
    assert flaky.seen == 2
    assert names(merchant) == ["clicked"]


def test_sdk__a_wrong_key__is_reported_and_stores_nothing(merchant: Api, server: Server) -> None:
    for options in ({}, {"capture_mode": "v1"}):
        with sdk(server.url, "phc_of_posthogs_own", **options) as (client, errors):
            client.capture("clicked", distinct_id="u1")

        assert [error.status for error in errors] == [401]
    assert events(merchant) == []


def test_sdk__an_event_we_refuse__is_reported_in_mode_v1_alone(merchant: Api, server: Server) -> None:
    for options, dropped in (({}, 0), ({"capture_mode": "v1"}, 1)):
        with sdk(server.url, merchant.key, **options) as (client, errors):
            client.capture("clicked", distinct_id="x" * 300)
            client.capture("clicked", distinct_id="u1")

        assert len(errors) == dropped
    assert len(events(merchant)) == 2


def test_sdk__two_tenants_in_one_process__are_kept_apart(acme: Api, merchant: Api, server: Server) -> None:
    other = acme.provision("other")

    with sdk(server.url, merchant.key) as (one, errors), sdk(server.url, other.key) as (two, more):
        one.capture("of the merchant", distinct_id="u1")
        two.capture("of the other", distinct_id="u1")

    assert errors == more == []
    assert names(merchant) == ["of the merchant"]
    assert names(other) == ["of the other"]


def test_sdk__feature_flags__are_unknown_and_harm_nothing(merchant: Api, server: Server) -> None:
    with sdk(server.url, merchant.key) as (client, errors):
        flags = client.evaluate_flags("u1")
        assert flags.is_enabled("new-checkout") is False
        client.capture("clicked", distinct_id="u1")

    assert errors == []
    assert names(merchant) == ["clicked"]


# --- HTTP -----------------------------------------------------------------------------------------------------------


def event(**members: Any) -> dict[str, Any]:
    return {"event": "clicked", "distinct_id": "u1", **members}


def test_webhook__an_event_with_its_person__is_taken(merchant: Api) -> None:
    body = {
        "event": event(
            uuid="0196b0d4-4b0a-7c3e-8f5a-2f1f5d2a7c11",
            timestamp="2026-11-01T10:00:00Z",
            properties={"value": 1, "$set_once": {"source": "ad"}},
            url="https://us.posthog.com/events/1",
        ),
        "person": {"id": "0196", "properties": {"email": "ada@example.com"}},
    }

    answer = merchant.post(PATH, body).json()

    assert answer == {"status": 1, "accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}
    assert events(merchant) == [("u1", "clicked", {"value": 1})]
    assert traits(merchant, "u1") == {"source": "ad"}
    assert merchant.post(PATH, body).json()["duplicates"] == 1


def test_identify__its_traits_at_either_place__are_the_users(merchant: Api) -> None:
    sent = [
        event(event="$identify", **{"$set": {"a": 1, "b": 1}}),
        event(event="$identify", properties={"$set": {"b": 2}, "$set_once": {"a": 3, "c": 3}, "$lib": "web"}),
        {"$distinct_id": "u1", "$set": {"d": 4}},
    ]

    assert merchant.post(PATH, sent).json()["accepted"] == 3
    assert traits(merchant, "u1") == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_events__of_posthogs_own__are_skipped(merchant: Api) -> None:
    own = ["$autocapture", "$pageleave", "$groupidentify", "$create_alias", "$ai_generation", "$screen", "$exception"]

    answer = merchant.post(PATH, {"batch": [event(event=name, properties={"$set": {"x": 1}}) for name in own]}).json()

    assert (answer["accepted"], answer["skipped"]) == (0, len(own))
    assert events(merchant) == []


@pytest.mark.parametrize(
    "path", ["", "/", "/batch", "/batch/", "/capture/", "/e/", "/track/", "/engage/", "/i/v0/e/", "/i/v0/ai/batch/"]
)
def test_paths__that_its_libraries_use__are_taken(merchant: Api, server: Server, path: str) -> None:
    body = event(api_key=merchant.key, properties={"token": merchant.key, "distinct_id": "u1", "value": 1})

    response = plain_http.post(f"{server.url}{PATH}{path}", json=body)

    assert response.json()["accepted"] == 1
    assert events(merchant) == [("u1", "clicked", {"value": 1})]
    assert_holds_no_key(merchant)


def test_body__as_its_library_for_browsers_packs_it__is_read(merchant: Api, server: Server) -> None:
    """gzip that the query alone speaks of, and base64 in a form."""
    data = json.dumps([event(properties={"token": merchant.key})]).encode()
    url = f"{server.url}{PATH}/e/?ip=0&_=1777197600000&ver=1.300.0"
    plain, form = {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}

    packed = plain_http.post(f"{url}&compression=gzip-js", content=gzip_.compress(data), headers=plain)
    coded = plain_http.post(
        f"{url}&compression=base64", content=f"data={quote(base64.b64encode(data).decode())}", headers=form
    )

    assert packed.json()["accepted"] == coded.json()["accepted"] == 1
    assert names(merchant) == ["clicked", "clicked"]


def test_flags__asked_for__are_404(merchant: Api) -> None:
    assert merchant.post(f"{PATH}/flags/?v=4", {"distinct_id": "u1"}).status_code == 404
    assert merchant.post(f"{PATH}/decide/?v=3", {"distinct_id": "u1"}).status_code == 404

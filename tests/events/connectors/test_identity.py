"""What one event is: as each vendor defines it, and never across sources."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from posthog import Posthog

from tests.conftest import Api, Server
from tests.events.connectors.stored import events, rows

UUID = "0196b0d4-4b0a-7c3e-8f5a-2f1f5d2a7c11"
DAY = "2026-11-01T10:00:00Z"


def posthog(
    name: str = "clicked", user: str = "u1", time: str | None = DAY, key: str = UUID, **properties: Any
) -> dict[str, Any]:
    return {"event": name, "distinct_id": user, "timestamp": time, "uuid": key, "properties": properties}


def mixpanel(
    name: str = "clicked", user: str = "u1", time: str | None = DAY, key: str = UUID, **properties: Any
) -> dict[str, Any]:
    sent = {"distinct_id": user, "$insert_id": key, **properties}
    return {"event": name, "properties": sent if time is None else {**sent, "time": time}}


def segment(
    name: str = "clicked", user: str = "u1", time: str | None = DAY, key: str = UUID, **properties: Any
) -> dict[str, Any]:
    found = {"type": "track", "event": name, "userId": user, "messageId": key, "properties": properties}
    return found if time is None else {**found, "timestamp": time}


VENDORS: dict[str, Callable[..., dict[str, Any]]] = {"posthog": posthog, "mixpanel": mixpanel, "segment": segment}

OTHERS: dict[str, dict[str, Any]] = {
    "name": {"name": "bought"},
    "user": {"user": "u2"},
    "second": {"time": "2026-11-01T10:00:01Z"},
    "day": {"time": "2026-11-02T10:00:00Z"},
    "offset": {"time": "2026-11-01T12:00:00+02:00"},
    "no time": {"time": None},
    "key": {"key": "0196b0d4-4b0a-7c3e-8f5a-2f1f5d2a7c12"},
    "property": {"value": 1},
}

# What makes two events of what agrees in all else.
IDENTITIES = {
    "posthog": {"name", "user", "day", "no time", "key"},
    "mixpanel": {"name", "user", "second", "day", "no time", "key"},
    "segment": {"key"},
}


def send(api: Api, vendor: str, *messages: Any) -> tuple[int, int]:
    answer = api.post(f"/api/connectors/{vendor}", list(messages)).json()
    assert answer["rejected"] == []
    return answer["accepted"], answer["duplicates"]


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_key__sent_again_with_another_member__is_one_event_or_two_as_the_vendor_says(
    merchant: Api, vendor: str, what: str
) -> None:
    first, other = VENDORS[vendor](), VENDORS[vendor](**OTHERS[what])
    two = what in IDENTITIES[vendor]

    assert send(merchant, vendor, first, other) == ((2, 0) if two else (1, 1))
    assert send(merchant, vendor, other, first) == (0, 2)
    assert len(events(merchant)) == 1 + two


@pytest.mark.parametrize("vendor", VENDORS)
def test_key__without_a_time_sent_again__is_one_event(merchant: Api, vendor: str) -> None:
    assert send(merchant, vendor, VENDORS[vendor](time=None)) == (1, 0)
    assert send(merchant, vendor, VENDORS[vendor](time=None)) == (0, 1)


@pytest.mark.parametrize(("one", "other"), [("$set", "$set_once"), ("$pageview", "page_viewed")])
def test_key__of_two_names_that_are_one_here__is_two_events(merchant: Api, one: str, other: str) -> None:
    traits: dict[str, Any] = {"$set": {"a": 1}, "$set_once": {"b": 1}}

    assert send(merchant, "posthog", posthog(one, **traits), posthog(other, **traits)) == (2, 0)


def test_key__of_several_sources__is_an_event_of_each(merchant: Api) -> None:
    """Not even what a vendor's event is stored by is a key of `track`."""
    event = {"user_id": "u1", "event": "clicked", "timestamp": DAY, "idempotency_key": UUID}
    sources: dict[str, tuple[str, Any]] = {
        "track": ("/api/track", {"events": [event]}),
        "external one": ("/api/external/events", {"provider": "one", "events": [event]}),
        "external two": ("/api/external/events", {"provider": "two", "events": [event]}),
        **{vendor: (f"/api/connectors/{vendor}", [make()]) for vendor, make in VENDORS.items()},
    }

    for path, body in sources.values():
        assert merchant.post(path, body).json()["accepted"] == 1
    for path, body in sources.values():
        assert merchant.post(path, body).json()["duplicates"] == 1

    assert rows(merchant, "SELECT count(*) FROM events_event") == [(len(sources),)]


def test_posthogs_sdk__given_one_uuid_for_two_events__stores_both(merchant: Api, server: Server) -> None:
    moment = datetime(2026, 11, 1, 10, tzinfo=UTC)
    client = Posthog(merchant.key, host=f"{server.url}/api/connectors/posthog", sync_mode=True)

    for name in ("Order Placed", "Order Paid", "Order Paid"):
        client.capture(name, distinct_id="u1", timestamp=moment, uuid=UUID)
    client.shutdown()

    assert [event[1] for event in events(merchant)] == ["Order Paid", "Order Placed"]

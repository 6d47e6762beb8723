"""What no database can hold, and what is refused, as all three official SDKs send it."""

from collections.abc import Callable
from typing import Any

import pytest
from mixpanel import BufferedConsumer, Mixpanel
from posthog import Posthog
from segment.analytics.client import Client as Segment

from tests.conftest import Api, Server
from tests.events.connectors.stored import events

Sent = tuple[str, str, dict[str, Any]]


def posthog(host: str, key: str, sent: list[Sent]) -> list[Any]:
    errors: list[Any] = []
    client = Posthog(key, host=f"{host}/posthog", on_error=lambda error, batch: errors.append(error))
    for user, name, properties in sent:
        client.capture(name, distinct_id=user, properties=properties)
    client.shutdown()
    return errors


def mixpanel(host: str, key: str, sent: list[Sent]) -> list[Any]:
    consumer = BufferedConsumer(events_url=f"{host}/mixpanel/track")
    for user, name, properties in sent:
        Mixpanel(key, consumer=consumer).track(user, name, properties)
    consumer.flush()  # raises where the batch failed
    return []


def segment(host: str, key: str, sent: list[Sent]) -> list[Any]:
    errors: list[Any] = []
    client = Segment(write_key=key, host=f"{host}/segment", on_error=lambda error, batch: errors.append(error))
    for user, name, properties in sent:
        client.track(user, name, properties)
    client.shutdown()
    return errors


DEEP: list[Any] = []
for _ in range(40):
    DEEP = [DEEP]

every_sdk = pytest.mark.parametrize("send", [posthog, mixpanel, segment])


@every_sdk
@pytest.mark.parametrize(
    ("value", "stored"),
    [("a\0b", "a\ufffdb"), ("half \ud83d", "half \ufffd"), (["\0"], ["\ufffd"]), (r"\u0000", r"\u0000")],
)
def test_sdk__a_text_that_cannot_be_stored__is_mended_with_u_fffd(
    merchant: Api, server: Server, send: Callable[..., list[Any]], value: Any, stored: Any
) -> None:
    sent = [("u1", "odd", {"value": value}), ("u2", "sane", {"value": 1})]

    assert send(f"{server.url}/api/connectors", merchant.key, sent) == []

    assert [(user, name, found["value"]) for user, name, found in events(merchant)] == [
        ("u1", "odd", stored),
        ("u2", "sane", 1),
    ]


@every_sdk
@pytest.mark.parametrize("bad", [("x" * 300, "clicked", {}), ("u1", "x" * 300, {}), ("u1", "clicked", {"deep": DEEP})])
def test_sdk__an_event_that_is_refused__costs_its_neighbours_nothing(
    merchant: Api, server: Server, send: Callable[..., list[Any]], bad: Sent
) -> None:
    sent: list[Sent] = [("u1", "before", {}), bad, ("u2", "later", {})]

    assert send(f"{server.url}/api/connectors", merchant.key, sent) == []

    assert [name for _, name, _ in events(merchant)] == ["before", "later"]

"""Events of months that are over: each counts in its own month, and no limit refuses it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mixpanel import Consumer, Mixpanel
from posthog import Posthog
from segment.analytics.client import Client as Segment

from tests.conftest import Api, Server
from tests.events.cast import change_tenant, track
from tests.events.cast import event as tracked
from tests.events.connectors.stored import rows, traits

CONNECTORS = "/api/connectors"
MAY, JUNE = datetime(2024, 5, 7, 10, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)


def posthog(user: str, at: datetime, name: str = "clicked", **members: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": user, "timestamp": at.isoformat(), **members}


def mixpanel(user: str, at: datetime, name: str = "clicked", **properties: Any) -> dict[str, Any]:
    return {"event": name, "properties": {"distinct_id": user, "time": int(at.timestamp()), **properties}}


def segment(user: str, at: datetime, name: str = "clicked", **members: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": user, "timestamp": at.isoformat(), **members}


Made = list[dict[str, Any]]
Make = Callable[..., dict[str, Any]]

# How each import goes: path, what makes a message, what makes a request of them.
IMPORTS: dict[str, tuple[str, Make, Callable[[Made], Any]]] = {
    "posthog": ("posthog/batch", posthog, lambda sent: {"batch": sent, "historical_migration": True}),
    "posthog v1": (
        "posthog/i/v1/analytics/events",
        posthog,
        lambda sent: {"historical_migration": True, "batch": sent},
    ),
    "posthog, event by event": (
        "posthog/e",
        posthog,
        lambda sent: [{**event, "historical_migration": True} for event in sent],
    ),
    "mixpanel": ("mixpanel/import", mixpanel, lambda sent: sent),
    "segment": ("segment/v1/batch", segment, lambda sent: {"batch": sent}),
}
every_import = pytest.mark.parametrize("how", IMPORTS)


def send(api: Api, how: str, *messages: tuple[Any, ...]) -> Any:
    path, make, request = IMPORTS[how]
    response = api.post(f"{CONNECTORS}/{path}", request([make(*message) for message in messages]))
    assert response.status_code == 200, response.content
    return response.json()


def metered(api: Api) -> list[tuple[str, int, int]]:
    """Month, events and active users; the present one is "now"."""
    return rows(
        api,
        "SELECT CASE WHEN month = date_trunc('month', now() AT TIME ZONE 'UTC') THEN 'now'"
        " ELSE to_char(month, 'YYYY-MM') END AS in_month, sum(events)::int, sum(active_users)::int"
        " FROM events_monthlyusage GROUP BY 1 HAVING sum(events) + sum(active_users) > 0 ORDER BY 1",
    )


@every_import
def test_import__of_more_users_than_the_limit__counts_in_its_months(merchant: Api, how: str) -> None:
    change_tenant(merchant, tracked_user_limit=3)
    track(merchant, *(tracked(f"u{n}") for n in range(3)))

    sent = [(f"u{n}", at) for n in range(10) for at in (MAY, MAY + timedelta(days=1), JUNE)]
    answer = send(merchant, how, *sent)

    assert (answer["accepted"], answer["rejected"]) == (30, [])
    assert metered(merchant) == [("2024-05", 20, 10), ("2024-06", 10, 10), ("now", 3, 3)]
    assert rows(merchant, "SELECT count(*) FROM events_trackeduser") == [(10,)]
    assert rows(merchant, "SELECT count(*) FROM events_event WHERE timestamp = '2024-06-01Z'") == [(10,)]
    assert send(merchant, how, ("u20", JUNE), ("u1", JUNE))["accepted"] == 2
    assert metered(merchant) == [("2024-05", 20, 10), ("2024-06", 12, 11), ("now", 3, 3)]


@every_import
def test_import__of_this_month__is_metered_and_limited_as_ever(merchant: Api, how: str) -> None:
    change_tenant(merchant, tracked_user_limit=1)
    now = datetime.now(UTC)

    answer = send(merchant, how, ("u1", now), ("u2", MAY), ("u2", now), ("u3", now))

    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [
        (2, "tracked_user_limit_reached"),
        (3, "tracked_user_limit_reached"),
    ]
    assert metered(merchant) == [("2024-05", 1, 1), ("now", 1, 1)]
    assert rows(merchant, "SELECT user_id FROM events_trackeduser ORDER BY 1") == [("u1",), ("u2",)]


def test_import__of_nothing_but_too_many_traits__counts_nobody(merchant: Api) -> None:
    merchant.post("/api/customers", {"user_id": "u", "traits": {"a": "x" * 60_000}})
    identify = {**segment("u", MAY), "type": "identify", "traits": {"b": "x" * 10_000}}

    answer = merchant.post(f"{CONNECTORS}/segment", identify).json()

    assert [each["code"] for each in answer["rejected"]] == ["traits_too_large"]
    assert metered(merchant) == []


@every_import
def test_import__of_a_user__does_not_count_them_this_month(merchant: Api, how: str) -> None:
    change_tenant(merchant, tracked_user_limit=1)

    send(merchant, how, ("u1", MAY), ("u2", MAY))
    first = track(merchant, tracked("u1"))
    other = track(merchant, tracked("u2"))

    assert (first["accepted"], [found["code"] for found in other["rejected"]]) == (1, ["tracked_user_limit_reached"])
    assert metered(merchant) == [("2024-05", 2, 2), ("now", 1, 1)]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("posthog/batch", {"batch": [posthog("u1", MAY)], "historical_migration": False}),
        ("posthog/batch", {"batch": [posthog("u1", MAY)], "historical_migration": "yes"}),
        ("posthog", posthog("u1", MAY)),
        ("mixpanel", mixpanel("u1", MAY)),
        ("mixpanel/track", mixpanel("u1", MAY)),
        ("segment", {**segment("u1", MAY), "timestamp": None}),
    ],
)
def test_event__that_nothing_says_is_imported__counts_now(merchant: Api, path: str, message: Any) -> None:
    assert merchant.post(f"{CONNECTORS}/{path}", message).json()["accepted"] == 1

    assert metered(merchant) == [("now", 1, 1)]


def test_track__with_an_old_timestamp__counts_now(merchant: Api) -> None:
    track(merchant, tracked("u1", timestamp=MAY.isoformat(), historical_migration=True, imported=True))

    assert metered(merchant) == [("now", 1, 1)]


def test_import__sent_again__is_a_duplicate_and_counts_nobody(merchant: Api) -> None:
    sent = {"batch": [segment("u1", MAY, messageId="m"), segment("u2", JUNE, messageId="n")]}
    again = {"batch": [segment("u3", JUNE, messageId="m"), segment("u4", MAY, messageId="x")]}

    assert merchant.post(f"{CONNECTORS}/segment", sent).json()["accepted"] == 2
    assert merchant.post(f"{CONNECTORS}/segment", sent).json()["duplicates"] == 2
    answer = merchant.post(f"{CONNECTORS}/segment", again).json()

    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert metered(merchant) == [("2024-05", 2, 2), ("2024-06", 1, 1)]
    assert rows(merchant, "SELECT user_id FROM events_trackeduser ORDER BY 1") == [("u1",), ("u2",), ("u4",)]


def test_key__of_an_event_above_the_limit__goes_to_an_imported_one(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=0)
    sent = [segment("u1", datetime.now(UTC), messageId="m"), segment("u2", MAY, messageId="m")]

    answer = merchant.post(f"{CONNECTORS}/segment", {"batch": sent}).json()

    assert (answer["accepted"], [found["index"] for found in answer["rejected"]]) == (1, [0])
    assert metered(merchant) == [("2024-05", 1, 1)]


def test_import__with_traits__describes_its_users(merchant: Api) -> None:
    sent = [posthog("u1", MAY, "$set", properties={"$set": {"plan": "pro"}}), posthog("u1", JUNE)]

    for _ in range(2):
        merchant.post(f"{CONNECTORS}/posthog/batch", {"batch": sent, "historical_migration": True})

    assert traits(merchant, "u1") == {"plan": "pro"}
    assert metered(merchant) == [("2024-05", 2, 1), ("2024-06", 2, 1)]


def test_sdks__that_import__are_counted_in_the_month_of_their_events(merchant: Api, server: Server) -> None:
    change_tenant(merchant, tracked_user_limit=0)
    host = f"{server.url}{CONNECTORS}"

    for user, mode in (("p1", "v0"), ("p2", "v1")):
        of_posthog = Posthog(merchant.key, host=f"{host}/posthog", historical_migration=True, capture_mode=mode)
        of_posthog.capture("clicked", distinct_id=user, timestamp=MAY)
        of_posthog.shutdown()
    consumer = Consumer(import_url=f"{host}/mixpanel/import")
    Mixpanel(merchant.key, consumer=consumer).import_data(merchant.key, "m1", "clicked", int(MAY.timestamp()))
    of_segment = Segment(write_key=merchant.key, host=f"{host}/segment")
    of_segment.track("s1", "clicked", timestamp=MAY)
    of_segment.shutdown()

    assert metered(merchant) == [("2024-05", 4, 4)]


def test_imports__of_parallel_requests__count_each_user_once(merchant: Api, server: Server) -> None:
    change_tenant(merchant, tracked_user_limit=2)
    users = [f"u{n}" for n in range(12)]
    now = datetime.now(UTC)
    requests = []
    for n in range(8):
        order = users[n:] + users[:n]
        sent = [segment(user, at) for user in order for at in ((MAY, JUNE) if n % 2 else (JUNE, MAY))]
        requests.append({"batch": [*sent, segment(order[0], now)]})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: server.send(merchant, "POST", f"{CONNECTORS}/segment", body), requests))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert metered(merchant)[:2] == [("2024-05", 96, 12), ("2024-06", 96, 12)]
    assert metered(merchant)[2][2] == 2


def test_usage__asked_for_a_month__is_that_of_the_import(acme: Api, merchant: Api) -> None:
    send(merchant, "segment", ("u1", MAY), ("u2", MAY), ("u1", JUNE))
    track(merchant, tracked("u1"))

    for query, events, users in (("2024-05", 2, 2), ("2024-06", 1, 1), ("2023-01", 0, 0), (None, 1, 1)):
        asked = {} if query is None else {"month": query}
        own = merchant.get("/api/settings", asked).json()["usage"]
        stats = acme.get("/api/partners/stats", asked).json()
        page = acme.get("/api/partners/stats", {**asked, "slug": "merchant", "limit": 1}).json()
        assert (own["events"], own["active_users"]) == (events, users)
        assert stats["usage"] == {"month": own["month"], "active_users": users, "events": events}
        assert stats["customers"][0]["usage"] == page["customers"][0]["usage"] == own
        assert query in (None, own["month"])


@pytest.mark.parametrize("month", ["", "2024", "2024-13", "2024-5", "0000-01", "2024-05-01", "２０２４-05", "now"])
def test_usage__asked_for_no_month__is_400(acme: Api, merchant: Api, month: str) -> None:
    for answer in (merchant.get("/api/settings", {"month": month}), acme.get("/api/partners/stats", {"month": month})):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/month"), answer.json()

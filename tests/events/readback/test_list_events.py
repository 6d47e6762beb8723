"""The events that are stored, read back."""

from base64 import b64encode
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.readback import services
from retivo.api import listing
from retivo.api.listing import LOOK
from tests.buffers import reads
from tests.conftest import Api
from tests.events.cast import event, track
from tests.events.ingestion.test_maintain_events import month, old_partition
from tests.owner import as_owner
from tests.retivo.api.test_openapi import OPERATIONS, assert_conforms

EVENTS = "/api/events"


def listed(api: Api, **query: Any) -> dict[str, Any]:
    response = api.get(EVENTS, query)
    assert response.status_code == 200, response.content
    content = OPERATIONS["listEvents"]["responses"]["200"]["content"]["application/json"]
    assert_conforms(response.json(), content["schema"])
    body: dict[str, Any] = response.json()
    return body


def names(api: Api, **query: Any) -> list[str]:
    return [found["event"] for found in listed(api, **query)["events"]]


def walked(api: Api, **query: Any) -> list[dict[str, Any]]:
    """All pages, of which only the last one has no cursor."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(500):
        body = listed(api, **query, **cursor)
        found += body["events"]
        if body["next_cursor"] is None:
            return found
        cursor = {"cursor": body["next_cursor"]}
    raise AssertionError("no end")


def fill(
    api: Api, count: int, *, user: str = "u", name: str = "e", months: int = 0, class_days: int = 90, batch: int = 1
) -> None:
    """Events that were received a second apart, the first `months` months ago; `batch` of them at once."""
    as_owner(
        "INSERT INTO events_event"
        " (tenant_id, received_at, timestamp, user_id, name, source, properties, retention_days, month)"
        " SELECT %(tenant)s, at, at, %(user)s, %(name)s || n, 'track', '{}', %(class)s, date_trunc('month', at)"
        " FROM generate_series(1, %(count)s) n, LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')"
        " - %(months)s * interval '1 month' + n / %(batch)s * interval '1 second') AS m (local),"
        " LATERAL (SELECT m.local AT TIME ZONE 'UTC') AS r (at)",
        tenant=api.tenant_id,
        user=user,
        name=name,
        count=count,
        months=months,
        batch=batch,
        **{"class": class_days},
    )


def test_list__what_was_tracked__is_told_as_it_is_stored(acme: Api) -> None:
    acme.register(event_mappings=[{"from": "order.completed", "to": "purchase", "properties": {"sum": "value"}}])
    shop = acme.provision("shop")
    sent = event("ada", "order.completed", properties={"sum": 19.9}, timestamp="2026-01-02T03:04:05+01:00")
    track(shop, sent)

    (found,) = listed(shop)["events"]

    assert datetime.fromisoformat(found.pop("received_at")) > datetime.now(UTC) - timedelta(minutes=5)
    assert found == {
        "user_id": "ada",
        "event": "purchase",
        "original_event": "order.completed",
        "source": "track",
        "timestamp": "2026-01-02T02:04:05Z",
        "properties": {"value": 19.9},
    }


def test_list__is_received_last_first_whatever_the_timestamps(merchant: Api) -> None:
    track(merchant, event(name="first"))
    track(merchant, event(name="second", timestamp="2020-01-01T00:00:00Z"))
    track(merchant, event("other", name="third", timestamp="2024-01-01T00:00:00Z"))

    assert names(merchant) == ["third", "second", "first"]
    assert names(merchant, user_id="u1") == ["second", "first"]


def test_list__filters__hold_together(merchant: Api) -> None:
    track(merchant, event("a", "x"), event("b", "x"), event("a", "y"))
    since = datetime.now(UTC).isoformat()
    track(merchant, event("a", "x"))

    assert len(listed(merchant)["events"]) == 4
    assert len(listed(merchant, user_id="a")["events"]) == 3
    assert len(listed(merchant, name="x")["events"]) == 3
    assert len(listed(merchant, user_id="a", name="x")["events"]) == 2
    assert len(listed(merchant, user_id="a", name="x", since=since)["events"]) == 1
    assert listed(merchant, user_id="nobody")["events"] == []


@pytest.mark.parametrize("query", [{}, {"user_id": "u"}, {"user_id": "u", "since": "2020-01-01T00:00:00Z"}])
@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_list__page_by_page__has_each_once(merchant: Api, query: dict[str, str], limit: int) -> None:
    """Of several months and classes of retention, and many of one moment."""
    fill(merchant, 5, name="now", batch=100)
    fill(merchant, 5, name="last_year", months=12, class_days=1095, batch=2)
    fill(merchant, 5, name="month", months=1, class_days=365)

    found = walked(merchant, limit=limit, **query)

    expected = {f"{when}{n}" for when in ("now", "last_year", "month") for n in range(1, 6)}
    assert {each["event"] for each in found} == expected
    assert len(found) == 15
    assert [each["received_at"] for each in found] == sorted((each["received_at"] for each in found), reverse=True)


@pytest.mark.parametrize("look", [2, 4, 6, 20])
@pytest.mark.parametrize("name", [{}, {"name": "rare3"}])
def test_list__of_a_user_with_many__goes_on_month_by_month_or_among_all(
    merchant: Api, monkeypatch: pytest.MonkeyPatch, look: int, name: dict[str, str]
) -> None:
    monkeypatch.setattr(listing, "LOOK", look)
    monkeypatch.setattr(services, "LOOK", look)
    for months in (0, 1, 2, 5):
        fill(merchant, 3, name="rare", months=months)
        fill(merchant, 5, user="other", months=months)

    found = walked(merchant, user_id="u", limit=4, **name)

    assert len(found) == (4 if name else 12)
    assert {each["user_id"] for each in found} == {"u"}
    assert [each["received_at"] for each in found] == sorted((each["received_at"] for each in found), reverse=True)


def test_list__of_large_events__ends_at_four_mebibytes(merchant: Api) -> None:
    for number in range(8):
        large = {"x": "y" * 60_000}
        track(merchant, *(event(f"u{number}", properties=large) for _ in range(15)))

    response = merchant.get(EVENTS, {"limit": "1000"})

    assert len(response.content) < 5 * 2**20
    assert len(walked(merchant, limit=1000)) == 120


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"since": "yesterday"},
        {"limit": "1001"},
        {"user_id": "\0"},
        {"name": "x" * 256},
        {"event": "purchase"},
        # Of another list: an id where an event's address should be.
        {"cursor": "MjAyNi0xMS0yOVQxMjozODozMC44MTc1NjgrMDA6MDAgdXNlci0x"},
    ],
)
def test_list__a_malformed_query__is_refused(merchant: Api, query: dict[str, str]) -> None:
    response = merchant.get(EVENTS, query)

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
@pytest.mark.parametrize("query", [{}, {"user_id": "u1"}])
def test_list__a_cursor_that_was_made_up__is_a_place_like_any(
    merchant: Api, moment: str, query: dict[str, str]
) -> None:
    track(merchant, event())
    made_up = b64encode(f"{moment} (0,0)".encode()).decode()

    assert len(listed(merchant, cursor=made_up, **query)["events"]) == (moment > "2000")


def test_list__of_another_tenant__is_not_to_be_seen(acme: Api, merchant: Api, rival: Api) -> None:
    track(merchant, event())

    assert names(acme) == names(rival) == []


def test_list__after_erasure__has_none_of_the_user(merchant: Api) -> None:
    track(merchant, event("gone"), event("stays"))
    merchant.delete("/api/customers/gone")

    assert [each["user_id"] for each in listed(merchant)["events"]] == ["stays"]


# --- Bounds ---------------------------------------------------------------------------------------------------------

MANY = 60_000

ASKED: list[dict[str, str]] = [
    {},
    {"limit": "1000"},
    {"name": "e7"},
    {"name": "nothing"},
    {"user_id": "heavy"},
    {"user_id": "heavy", "name": "nothing"},
    {"user_id": "steady"},
    {"user_id": "steady", "name": "s3", "limit": "1000"},
    {"user_id": "rare"},
    {"user_id": "nobody"},
    {"since": "2020-01-01T00:00:00Z"},
    {"since": "2020-01-01T00:00:00Z", "name": "nothing", "user_id": "heavy"},
    {"since": "2020-01-01T00:00:00Z", "user_id": "rare"},
]


def test_list__of_many_events__reads_no_more_than_its_bound_whatever_is_asked(merchant: Api, rival: Api) -> None:
    """Among one user's many of one month, one's many of several months, all of one moment, and another tenant's."""
    months_ago = [month(-ago) for ago in range(1, 5)]
    with ExitStack() as partitions:
        for first_day in months_ago:
            name = partitions.enter_context(old_partition(90, first_day))
            as_owner(f"CREATE INDEX ON {name} (tenant_id, user_id)")  # as make_event_partition does
        _read_within_bounds(merchant, rival)


def _read_within_bounds(merchant: Api, rival: Api) -> None:
    fill(rival, MANY, user="heavy")
    fill(merchant, MANY, user="heavy")
    fill(merchant, 5, user="rare", months=1)
    for months in range(1, 5):
        fill(merchant, 6000, user="steady", name="s", months=months, batch=100)
    partitions = [
        name
        for (name,) in as_owner(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent='events_event'::regclass"
        )
    ]
    for statistics in (False, True):
        if statistics:
            for partition in partitions:
                as_owner(f"VACUUM ANALYZE {partition}")
        for query in ASKED:
            with reads() as read:
                body = listed(merchant, **query)
                if body["next_cursor"]:
                    listed(merchant, **query, cursor=body["next_cursor"])
            assert read
            # A page looks at LOOK rows, and its total at as many; before that a user's are counted.
            bound = 2 * max(LOOK, int(query.get("limit", 50)) + 1)
            for each in read:
                assert each.rows <= bound, (statistics, query, each)
                assert each.buffers <= 2 * bound + 20 * len(partitions), (statistics, query, each)

"""Batches that go the plain way and those that go the ordinary one: what is stored and answered is the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, given, settings, strategies

from tenants.access import shares
from tenants.context import staff_context
from tenants.models import ApiKey, Scope
from tests.conftest import Api
from tests.events.cast import TRACK, change_tenant, count, event, rows, track, usage

_ORDINARY = "SELECT caller.*"


def ordinarily(api: Api, *events: Any) -> Any:
    """A key that this process has not seen yet is not tried the plain way."""
    shares._known.clear()
    return track(api, *events)


def went_plain(statements: list[str]) -> bool:
    return any("track_batch" in sql for sql in statements) and not any(sql.startswith(_ORDINARY) for sql in statements)


@pytest.fixture
def shop(merchant: Api) -> Api:
    """Its users are known, and active just now."""
    ordinarily(merchant, *(event(f"u{n}") for n in range(4)))
    return merchant


def test_track__of_known_users__is_one_statement(shop: Api, statements: list[str]) -> None:
    answer = track(shop, event("u1", idempotency_key="k", properties={"a": [1, "ü", None]}), event("u2"))

    assert answer == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert [sql.split("(")[0] for sql in statements] == ["SELECT track_batch"]
    assert usage(shop) == (6, 4)
    assert rows(shop, "SELECT properties ->> 'a', source FROM events_event WHERE properties <> '{}'") == [
        ('[1, "ü", null]', "track")
    ]
    assert track(shop, event("u1", idempotency_key="k"))["duplicates"] == 1


@pytest.mark.parametrize("rate", ["9/3600", "0/3600"])
def test_headers__of_both_ways__are_the_same(shop: Api, rate: str) -> None:
    answers = []
    with override_settings(RATE_LIMIT=rate):
        for _ in range(2):
            answers.append(dict(shop.post(TRACK, {"events": [event("u1")]}).headers))
            shares._known.clear()
    for answer in answers:
        del answer["X-Request-Id"], answer["RateLimit"]
        answer.pop("Retry-After", None)  # a second may have passed

    assert answers[0] == answers[1]


ODD: dict[str, Any] = {
    "a new user": event("new"),
    "a trait": event("u1", set={"plan": "pro"}),
    "$identify": event("u1", "$identify"),
    "a bad event": {"user_id": "u1"},
    "an id that is a path": event("stats"),
    "a NUL": event("u1", properties={"a": "\0"}),
    "a time ahead": event("u1", timestamp="2999-01-01T00:00:00Z"),
    "a time before all": event("u1", timestamp="1969-01-01T00:00:00Z"),
    "properties that are too large": event("u1", properties={"a": "x" * 65_536}),
    "a key once more": event("u1", idempotency_key="known"),
}


@pytest.mark.parametrize("what", ODD)
def test_track__with_something_odd__is_answered_the_ordinary_way(
    shop: Api, acme: Api, what: str, statements: list[str]
) -> None:
    other = acme.provision("other")
    ordinarily(other, *(event(f"u{n}") for n in range(4)))
    ordinarily(other, event("u1", idempotency_key="known"))
    expected = ordinarily(other, event("u2"), ODD[what])
    track(shop, event("u1", idempotency_key="known"))
    statements.clear()

    assert track(shop, event("u2"), ODD[what]) == expected
    assert not went_plain(statements)
    assert usage(shop) == usage(other)
    assert count(shop, "events_event") == count(other, "events_event")


def test_track__for_an_integration_with_mappings__renames(acme: Api, shop: Api) -> None:
    integration = acme.register(event_mappings=[{"from": "bought", "to": "purchase_completed"}])
    answer = acme.post(
        f"/api/partners/integrations/{integration['id']}/share", {"customer_tenant_id": str(shop.tenant_id)}
    )
    assert answer.status_code < 300, answer.content

    track(shop, event("u1", "bought"))

    assert rows(shop, "SELECT name FROM events_event WHERE original_name = 'bought'") == [("purchase_completed",)]


def test_key__that_was_revoked__is_401_and_of_another_scope_403(shop: Api) -> None:
    for change, status in (({"scopes": [Scope.USERS_READ]}, 403), ({"revoked_at": datetime.now(UTC)}, 401)):
        with staff_context():
            ApiKey.objects.filter(tenant_id=shop.tenant_id).update(**change)
        assert shop.post(TRACK, {"events": [event("u1")]}).status_code == status


def test_rate_limit__is_counted_once_and_before_work(shop: Api) -> None:
    with override_settings(RATE_LIMIT="3/3600"):
        first = shop.post(TRACK, {"events": [event("u1")]})
        odd = shop.post(TRACK, {"events": [event("new")]})  # tried the plain way first
        if int(odd.headers["RateLimit"].split(";")[1][2:]) != 0:
            left = [int(answer.headers["RateLimit"].split(";")[1][2:]) for answer in (first, odd)]
            assert left[0] - left[1] == 1
        stored = count(shop, "events_event")
        answers = [shop.post(TRACK, {"events": [event("u1")]}).status_code for _ in range(3)]

    assert answers[-1] == 429
    assert count(shop, "events_event") == stored + answers.count(200)


def test_users__few_that_are_active_again__are_scored_at_once(shop: Api) -> None:
    rows(shop, "UPDATE events_trackeduser SET last_activity_at = '2026-01-01', lifecycle_stage = 'churned' RETURNING 1")

    track(shop, event("u1"))

    assert rows(shop, "SELECT lifecycle_stage FROM events_trackeduser WHERE user_id = 'u1'") != [("churned",)]


def test_users__few_who_rest__are_touched_the_plain_way_and_not_scored(shop: Api, statements: list[str]) -> None:
    resting = "lifecycle_stage = 'active', scored_at = now() - interval '59 minutes'"
    rows(shop, f"UPDATE events_trackeduser SET last_activity_at = '2026-01-01', {resting} RETURNING 1")
    before = rows(shop, "SELECT scored_at FROM events_trackeduser ORDER BY user_id")
    statements.clear()

    track(shop, event("u1"))
    assert went_plain(statements)
    ordinarily(shop, event("u2"))

    assert rows(shop, "SELECT scored_at FROM events_trackeduser ORDER BY user_id") == before
    assert rows(shop, _RECENT) == [("u1",), ("u2",)]


@pytest.mark.parametrize("send", [track, ordinarily])
def test_users__active_again_within_five_minutes__are_not_touched(shop: Api, send: Callable[..., Any]) -> None:
    rows(
        shop,
        "UPDATE events_trackeduser SET last_activity_at = now() - CASE user_id WHEN 'u1' THEN interval '4 minutes'"
        " WHEN 'u2' THEN interval '6 minutes' END RETURNING 1",
    )

    send(shop, event("u1"), event("u2"))

    assert rows(shop, _RECENT) == [("u2",)]


_RECENT = """
    SELECT user_id FROM events_trackeduser WHERE last_activity_at > now() - interval '1 minute' ORDER BY user_id
"""


def test_users__many_that_are_active_again__are_touched_the_plain_way(merchant: Api, statements: list[str]) -> None:
    users = [event(f"u{n}") for n in range(20)]
    ordinarily(merchant, *users)
    rows(merchant, "UPDATE events_trackeduser SET last_activity_at = '2026-01-01' RETURNING 1")
    statements.clear()

    track(merchant, *users)

    assert went_plain(statements)
    assert len(rows(merchant, _RECENT)) == 20


@pytest.mark.parametrize(
    ("config", "class_of"), [({}, 90), ({"retention_days": 30}, 30), ({"retention_days": 365}, 365)]
)
def test_retention__of_plan_and_config__is_the_events(shop: Api, config: dict[str, Any], class_of: int) -> None:
    change_tenant(shop, config=config)

    track(shop, event("u1", "kept"))
    ordinarily(shop, event("u1", "kept"))

    assert rows(shop, "SELECT DISTINCT retention_days FROM events_event WHERE name = 'kept'") == [(class_of,)]


_NOW = datetime.now(UTC)
_events = strategies.fixed_dictionaries(
    {
        "user_id": strategies.sampled_from([f"u{n}" for n in range(12)]),
        "event": strategies.sampled_from(["clicked", "clicked", "bought", "$identify"]),
    },
    optional={
        "idempotency_key": strategies.sampled_from([f"k{n}" for n in range(40)]),
        "timestamp": strategies.datetimes(
            datetime(2026, 1, 1), (_NOW + timedelta(hours=30)).replace(tzinfo=None), timezones=strategies.just(UTC)
        ).map(datetime.isoformat),
        "properties": strategies.dictionaries(
            strategies.text(max_size=3),
            strategies.one_of(strategies.integers(-(2**60), 2**60), strategies.text(max_size=5), strategies.none()),
            max_size=3,
        ),
        "set": strategies.just({"plan": "pro"}),
    },
)

_STORED = """
    SELECT user_id, name, source, properties::text, retention_days, month, original_name,
        CASE WHEN abs(extract(epoch FROM timestamp - received_at)) > 2 THEN timestamp END
    FROM events_event ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_USERS = """
    SELECT user_id, counted_month, traits::text, lifecycle_stage,
        CASE WHEN last_activity_at < now() - interval '1 hour' THEN last_activity_at END
    FROM events_trackeduser ORDER BY 1
"""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=strategies.lists(strategies.lists(_events, min_size=1, max_size=15), min_size=1, max_size=5))
def test_batches__sent_both_ways__are_stored_metered_and_answered_alike(acme: Api, batches: list[list[Any]]) -> None:
    number = len(acme.get("/api/partners/customers", {"limit": 100}).json()["customers"])
    one, other = acme.provision(f"one-{number}"), acme.provision(f"other-{number}")
    warm = [event(f"u{n}") for n in range(0, 12, 2)]
    assert ordinarily(one, *warm) == ordinarily(other, *warm)
    track(one, event("u0"))

    for batch in batches:
        answers = track(one, *batch), ordinarily(other, *batch)
        track(one, event("u0"))
        assert answers[0] == answers[1]
    ordinarily(other, *([event("u0")] * (len(batches) + 1)))

    for question in (_STORED, _USERS):
        assert rows(one, question) == rows(other, question)
    assert usage(one) == usage(other)
    assert count(one, "events_storedkey") == count(other, "events_storedkey")


def test_database__that_refuses__is_503_and_nothing_stored(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is not to be had in time: the erasure of one of its users, say."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    from tests.events.ingestion.test_maintain_events import reader  # its connection is another one

    with reader() as held:
        held.execute("SELECT pg_advisory_xact_lock(hashtextextended('retivo.erase:' || %s, 0))", [str(shop.tenant_id)])
        answer = shop.post(TRACK, {"events": [event("u1")]})
    connection.close()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert count(shop, "events_event") == 4

"""Which events count: those of a key once, and new users' as the plan allows, however parallel they come."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings, strategies

from events.ingestion import policy, services
from events.ingestion.batch import Batch, Event
from events.scoring.services import score_tenant
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.events.cast import TRACK, change_tenant, count, event, rows, track, usage

# --- Idempotency keys -----------------------------------------------------------------------------------------------


def test_key__again_in_a_later_batch__is_a_duplicate_whatever_its_timestamp(merchant: Api) -> None:
    track(merchant, event(idempotency_key="k"))

    answer = track(merchant, event(idempotency_key="k", timestamp="2020-01-01T00:00:00Z"), event(idempotency_key="l"))

    assert answer == {"accepted": 1, "duplicates": 1, "rejected": []}


def test_key__twice_in_one_batch__is_one_event(merchant: Api) -> None:
    answer = track(merchant, event(idempotency_key="k"), event(idempotency_key="k"))

    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert usage(merchant) == (1, 1)


def take_in_context(api: Api, now: datetime, *keys: str) -> services.Outcome:
    """As a request at `now` would, in the tenant's context."""
    events = {index: Event("u", "e", {}, None, key) for index, key in enumerate(keys)}
    question = policy.query(now)  # the database's clock is not ours to set
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.* FROM (SELECT %(tenant_id)s::uuid AS tenant_id) caller CROSS JOIN LATERAL ({question.sql}) p",
            {"tenant_id": api.tenant_id, **question.parameters},
        )
        answer = policy.read(cursor.fetchone())
    return services.track(tenant_id=api.tenant_id, policy=answer, batch=Batch(events, []), source="test")


def take(api: Api, now: datetime, *keys: str) -> services.Outcome:
    with tenant_context(api.tenant_id):
        return take_in_context(api, now, *keys)


RING = timedelta(days=2)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=strategies.datetimes(datetime(2026, 1, 1), datetime(2090, 1, 1), timezones=strategies.just(UTC)),
    later=strategies.lists(strategies.timedeltas(timedelta(0), timedelta(days=40)), min_size=1, max_size=6),
)
def test_key__at_any_later_moment__is_a_duplicate_for_48_hours_and_none_after_96(
    merchant: Api, first: datetime, later: list[timedelta]
) -> None:
    """Nothing is ever emptied here, so whatever is left in a ring from an earlier turn is in the way if it can be."""
    key = str(uuid4())
    took_last = None
    for after in sorted([timedelta(0), *later, timedelta(days=4), timedelta(days=8), timedelta(days=12)]):
        now = first + after
        duplicates = take(merchant, now, key)["duplicates"]
        if took_last is None or now - took_last >= 2 * RING:
            assert duplicates == 0
        elif now - took_last <= timedelta(hours=48):
            assert duplicates == 1
        if not duplicates:
            took_last = now


def test_key__on_a_host_whose_clock_is_behind__is_a_duplicate_in_the_databases_month(
    merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(merchant, event(idempotency_key="k"))
    late = timedelta(days=40)

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - late

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - late.total_seconds())
    for name, module in list(sys.modules.items()):
        if (
            name.partition(".")[0] in ("events", "tenants", "retivo", "django")
            and vars(module).get("datetime") is datetime
        ):
            monkeypatch.setattr(module, "datetime", Late)

    answer = track(merchant, event(idempotency_key="k"), event(idempotency_key="l"))

    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    months = rows(merchant, "SELECT DISTINCT month = date_trunc('month', now()) FROM events_monthlyusage")
    assert months == [(True,)]
    assert rows(merchant, "SELECT count(*) FROM events_event WHERE timestamp > now() - interval '1 hour'") == [(2,)]


def test_key__on_either_side_of_a_rings_end_at_once__is_one_event(merchant: Api) -> None:
    """They write to different rings, so no unique key tells them: one has to wait for the other."""
    boundary = datetime.fromtimestamp(10_000 * RING.total_seconds(), UTC)
    # The thread's block around the transaction's: it waits for the thread only after the commit.
    with ThreadPoolExecutor(1) as thread, tenant_context(merchant.tenant_id):
        take_in_context(merchant, boundary - timedelta(seconds=1), "k")
        later = thread.submit(_take_and_hang_up, merchant, boundary + timedelta(seconds=1))
        while not _someone_waits():
            assert not later.done()
    assert later.result()["duplicates"] == 1
    assert count(merchant, "events_event") == 1


def _take_and_hang_up(api: Api, now: datetime) -> services.Outcome:
    try:
        return take(api, now, "k")
    finally:
        connection.close()


def _someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')")
        return bool(cursor.fetchone()[0])


# --- Metering -------------------------------------------------------------------------------------------------------


def test_limit__new_user_above_it__is_rejected_and_known_ones_go_on(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=2)
    track(merchant, event("u1"))

    answer = track(merchant, event("u2"), event("u3"), event("u1"), event("u3"))

    assert answer["accepted"] == 2
    found = [(rejection["index"], rejection["code"]) for rejection in answer["rejected"]]
    assert found == [(1, "tracked_user_limit_reached"), (3, "tracked_user_limit_reached")]
    plan = [tuple(rejection[name] for name in ("current", "limit", "upgrade_to")) for rejection in answer["rejected"]]
    assert plan == [(2, 2, "growth")] * 2
    assert usage(merchant) == (3, 2)
    assert track(merchant, event("u1"), event("u2"))["accepted"] == 2


def test_limit__event_it_rejected__can_be_sent_again_under_its_key(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=0)
    assert track(merchant, event(idempotency_key="k"))["rejected"]

    change_tenant(merchant, tracked_user_limit=1)
    assert track(merchant, event(idempotency_key="k"))["accepted"] == 1


def test_limit__event_it_rejected__leaves_its_key_to_the_next(merchant: Api) -> None:
    track(merchant, event("a"))
    change_tenant(merchant, tracked_user_limit=1)

    answer = track(merchant, event("new", idempotency_key="k"), event("a", idempotency_key="k"))

    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    assert [rejection["index"] for rejection in answer["rejected"]] == [0]
    assert track(merchant, event("a", idempotency_key="k"))["duplicates"] == 1


def test_traits__event_that_brought_too_many__leaves_its_key_to_the_next(merchant: Api) -> None:
    large = {"a": "x" * 65_536}

    answer = track(merchant, event("u", set=large, idempotency_key="k"), event("u", "second", idempotency_key="k"))

    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [(0, "traits_too_large")]
    assert rows(merchant, "SELECT name FROM events_event") == [("second",)]


def test_traits__event_that_is_too_much_for_a_user_not_yet_active__counts_nobody(merchant: Api) -> None:
    for user in ("u", "v"):
        merchant.post("/api/customers", {"user_id": user, "traits": {"a": "x" * 60_000}})
    change_tenant(merchant, tracked_user_limit=1)

    answer = track(merchant, *(event(user, "$identify", properties={"b": "x" * 10_000}) for user in "uv"))

    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [
        (0, "traits_too_large"),
        (1, "traits_too_large"),
    ]
    assert usage(merchant) == (0, 0)
    assert rows(merchant, "SELECT count(*) FROM events_monthlyactivity") == [(0,)]
    assert track(merchant, event("v"))["accepted"] == 1


_sent = strategies.tuples(strategies.integers(0, 5), strategies.none() | strategies.integers(0, 3))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=strategies.lists(_sent, max_size=3),
    sent=strategies.lists(_sent, min_size=1, max_size=12),
    room=strategies.integers(0, 3),
)
def test_key__in_any_batch_near_the_limit__is_spent_by_what_is_stored_and_by_none_else(
    merchant: Api, before: list[tuple[int, int | None]], sent: list[tuple[int, int | None]], room: int
) -> None:
    """As if the events came one by one."""
    run = uuid4().hex

    def events(pairs: list[tuple[int, int | None]]) -> list[Any]:
        return [event(f"{run}-{u}", **({} if k is None else {"idempotency_key": f"{run}-{k}"})) for u, k in pairs]

    change_tenant(merchant, tracked_user_limit=1_000_000)
    track(merchant, *events(before))
    change_tenant(merchant, tracked_user_limit=usage(merchant)[1] + room)
    spent: set[int | None] = set()
    users: set[int] = set()
    for user, key in before:
        if key is None or key not in spent:
            users.add(user)
            spent.add(key)
    known, accepted, rejected = len(users), 0, []
    for index, (user, key) in enumerate(sent):
        if key is not None and key in spent:
            continue
        if user not in users and len(users) == known + room:
            rejected.append(index)
        else:
            users.add(user)
            spent.add(key)
            accepted += 1

    answer = track(merchant, *events(sent))

    assert (answer["accepted"], [each["index"] for each in answer["rejected"]]) == (accepted, rejected)
    assert answer["accepted"] + answer["duplicates"] + len(answer["rejected"]) == len(sent)


def test_limit__overage_allowed__meters_without_rejecting(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=1, config={"overage": "allow"})

    assert track(merchant, *[event(f"u{n}") for n in range(5)])["accepted"] == 5
    assert usage(merchant) == (5, 5)


def test_limit__a_new_month__counts_anew(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=1)
    take(merchant, datetime(2026, 10, 31, 23, 59, tzinfo=UTC), "a")
    take(merchant, datetime(2026, 11, 1, 0, 0, tzinfo=UTC), "b")

    months = rows(merchant, "SELECT month::text, sum(active_users) FROM events_monthlyusage GROUP BY 1 ORDER BY 1")
    assert months == [("2026-10-01", 1), ("2026-11-01", 1)]


def post(server: Server, api: Api, events: list[Any]) -> Any:
    response = server.send(api, "POST", TRACK, {"events": events})
    assert response.status_code == 200, response.text
    return response.json()


def test_limit__forty_batches_of_new_users_in_parallel__is_exact(merchant: Api, server: Server) -> None:
    change_tenant(merchant, tracked_user_limit=100)

    with ThreadPoolExecutor(40) as threads:
        batches = [[event(f"u{(7 * batch + n) % 250}") for n in range(20)] for batch in range(40)]
        answers = list(threads.map(lambda batch: post(server, merchant, batch), batches))

    accepted = sum(answer["accepted"] for answer in answers)
    assert usage(merchant) == (accepted, 100)
    assert count(merchant, "events_monthlyactivity") == count(merchant, "events_trackeduser") == 100
    assert count(merchant, "events_event") == accepted


def test_keys__forty_overlapping_batches_in_parallel__store_each_once(merchant: Api, server: Server) -> None:
    batches = [
        [event(f"u{n % 9}", idempotency_key=f"k{(5 * batch + n) % 300}") for n in range(100)] for batch in range(40)
    ]

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda batch: post(server, merchant, batch), batches))

    distinct = {item["idempotency_key"] for batch in batches for item in batch}
    assert sum(answer["accepted"] for answer in answers) == len(distinct)
    assert sum(answer["accepted"] + answer["duplicates"] for answer in answers) == 4000
    assert count(merchant, "events_event") == len(distinct)
    assert usage(merchant) == (len(distinct), 9)


def test_limit__duplicate_of_a_user_not_yet_counted__counts_nobody(merchant: Api) -> None:
    november = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    take(merchant, november, "k")

    outcome = take(merchant, november + timedelta(minutes=2), "k")

    assert (outcome["accepted"], outcome["duplicates"]) == (0, 1)
    months = rows(merchant, "SELECT month::text FROM events_monthlyusage WHERE active_users > 0")
    assert months == [("2026-11-01",)]


def test_identify__sent_again_under_its_key__changes_nothing(merchant: Api) -> None:
    old = event("u1", "$identify", properties={"plan": "free"}, idempotency_key="k")
    track(merchant, old, event("u1", "$identify", properties={"plan": "pro"}))

    assert track(merchant, old)["duplicates"] == 1
    assert rows(merchant, "SELECT traits ->> 'plan' FROM events_trackeduser") == [("pro",)]


def test_identify__is_no_activity_but_meters_the_user(merchant: Api) -> None:
    last_activity = "SELECT last_activity_at IS NOT NULL FROM events_trackeduser"

    track(merchant, event("u1", "$identify"))
    assert (rows(merchant, last_activity), usage(merchant)) == ([(False,)], (1, 1))

    track(merchant, event("u1", "clicked"))
    assert (rows(merchant, last_activity), usage(merchant)) == ([(True,)], (2, 1))


def test_identify__of_a_user_just_scored__is_scored_by_the_next_job(merchant: Api) -> None:
    later = datetime.now(UTC) + timedelta(minutes=10)
    track(merchant, event("u1"))
    score_tenant(merchant.tenant_id, now=later)

    track(merchant, event("u1", "$identify", properties={"plan_usage": 100, "plan_limit": 100}))
    score_tenant(merchant.tenant_id, now=later + timedelta(minutes=1))

    assert rows(merchant, "SELECT expansion_score > 0 FROM events_trackeduser") == [(True,)]


def test_identify__batches_that_touch_each_others_users__never_deadlock(merchant: Api, server: Server) -> None:
    users = [f"u{n}" for n in range(10)]
    track(merchant, *map(event, users))
    rows(merchant, "UPDATE events_trackeduser SET last_activity_at = '2026-01-01' RETURNING 1")  # so they are touched
    batches = [
        [event(user, name) for user, name in zip(users[::step], ["clicked", "$identify"] * 5, strict=False)]
        for step in (1, -1) * 20
    ]

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda batch: post(server, merchant, batch), batches))

    assert {answer["accepted"] for answer in answers} == {10}

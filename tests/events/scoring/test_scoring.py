"""Who is scored when, and that it is done once, in batches, side by side, and for one tenant at a time."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings, strategies

from events.scoring import services as scoring
from events.scoring.services import score_tenant, score_users
from tenants.context import tenant_context
from tests.buffers import reads
from tests.conftest import Api
from tests.decisions.cast import happened
from tests.events.cast import event, track
from tests.events.scoring.reference import NOW, History, configure, query, rescore, user, write
from tests.owner import as_owner, owner_cursor

HISTORY = History([(1, "a"), (2, "b"), (3, "c")])
HOUR = timedelta(hours=1)


def command(**options: Any) -> str:
    output = io.StringIO()
    call_command("score_users", stdout=output, **options)
    return output.getvalue().strip()


def scored(api: Api) -> list[str]:
    return [
        row[0] for row in query(api, "SELECT user_id FROM events_trackeduser WHERE scored_at IS NOT NULL ORDER BY 1")
    ]


def be_active(api: Api, user_id: str, at: datetime) -> None:
    query(api, "UPDATE events_trackeduser SET last_activity_at = %s WHERE user_id = %s", at, user_id)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH", 3)


# --- Who is due by what was said of them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "is_due"),
    [
        ("PATCH", "/api/customers/u1", {"traits": {"seats": 9}}, True),
        ("PATCH", "/api/customers/u1", {"team_size": None}, True),
        ("PATCH", "/api/customers/u1", {"traits": {"seats": 4}, "team_size": 2}, False),
        ("PATCH", "/api/customers/u1", {"opted_out": True}, False),
        ("POST", "/api/customers", {"user_id": "u1", "traits": {"seats": 9}}, True),
        ("POST", "/api/customers", {"user_id": "u1", "team_size": 2}, False),
    ],
)
def test_user__whose_traits_change__is_due(merchant: Api, method: str, path: str, body: Any, is_due: bool) -> None:
    merchant.post("/api/customers", {"user_id": "u1", "team_size": 2, "traits": {"seats": 4}})
    score_tenant(merchant.tenant_id)
    assert scored(merchant) == ["u1"]

    assert merchant.send(method, path, body).status_code == 200

    assert scored(merchant) == ([] if is_due else ["u1"])
    assert score_tenant(merchant.tenant_id) == int(is_due)


# --- A few users ----------------------------------------------------------------------------------------------------


def test_score_users__named__scores_them_alone_in_two_statements(merchant: Api, statements: list[str]) -> None:
    write(merchant, {"u1": HISTORY, "u2": HISTORY, "u3": HISTORY})
    with tenant_context(merchant.tenant_id):
        statements.clear()
        assert score_users(tenant_id=merchant.tenant_id, user_ids=["u3", "u1", "nobody"], now=NOW) == 2
        assert len(statements) == 2

    assert scored(merchant) == ["u1", "u3"]


def test_score_users__none_named__asks_nothing(merchant: Api, statements: list[str]) -> None:
    with tenant_context(merchant.tenant_id):
        statements.clear()
        assert score_users(tenant_id=merchant.tenant_id, user_ids=[]) == 0
        assert statements == []


def test_score_users__again__writes_nothing(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    rescore(merchant, "u")
    before = query(merchant, "SELECT xmin, * FROM events_trackeduser")

    assert rescore(merchant, "u") == 0
    assert rescore(merchant, "u", now=NOW + timedelta(minutes=10)) == 0
    assert query(merchant, "SELECT xmin, * FROM events_trackeduser") == before


def test_score_users__side_by_side_in_any_order__neither_deadlock_nor_lose_an_event(merchant: Api) -> None:
    users = [f"u{n}" for n in range(20)]
    track(merchant, *(event(user_id, "first") for user_id in users))
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(5):
            track(merchant, *(event(user_id, f"e{number}-{turn}") for user_id in users[::-1]))
            rescore(merchant, *(users if number % 2 else users[::-1]), now=datetime.now(UTC))
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    # Every event was stored before its worker scored, and whoever scored last saw them all: breadth is full.
    rows = query(merchant, "SELECT DISTINCT engagement_score FROM events_trackeduser")
    assert rows == [(pytest.approx((0.3 / 7 + 0.3 + 0.2) / 0.8, abs=0.0001),)]


# --- A tenant's whole -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_batches")
def test_score_tenant__many_users__takes_them_in_batches_of_short_transactions(
    merchant: Api, statements: list[str]
) -> None:
    write(merchant, {f"u{n}": HISTORY for n in range(8)})

    statements.clear()
    assert score_tenant(merchant.tenant_id, now=NOW) == 8

    assert sum("events_stagechange" in sql for sql in statements) == 3
    # A context each, and one that begins the sweep.
    assert sum(sql.startswith("SELECT set_config") for sql in statements) == 4
    assert len(scored(merchant)) == 8


@pytest.mark.usefixtures("small_batches")
def test_score_tenant__again__writes_nothing(merchant: Api) -> None:
    write(merchant, {f"u{n}": HISTORY for n in range(8)})
    score_tenant(merchant.tenant_id, now=NOW)

    assert score_tenant(merchant.tenant_id, now=NOW) == 0
    assert score_tenant(merchant.tenant_id, now=NOW, everyone=True) == 0


def test_score_tenant__between_sweeps__scores_who_was_active_since(merchant: Api, statements: list[str]) -> None:
    write(merchant, {"u1": HISTORY, "u2": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    be_active(merchant, "u2", NOW + HOUR)

    assert score_tenant(merchant.tenant_id, now=NOW + 2 * HOUR) == 1
    ((user_id,),) = query(merchant, "SELECT user_id FROM events_trackeduser WHERE scored_at > %s", NOW)
    assert user_id == "u2"


def test_score_tenant__active_but_not_moved__is_marked_and_not_looked_at_again(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    be_active(merchant, "u", NOW - timedelta(minutes=1))  # of before the scoring, committed after it
    query(merchant, "UPDATE events_trackeduser SET engagement_score = 0")

    assert score_tenant(merchant.tenant_id, now=NOW + HOUR) == 1
    assert score_tenant(merchant.tenant_id, now=NOW + 2 * HOUR) == 0


def test_score_tenant__active_within_the_hour__rests_until_it_is_over(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    happened(merchant, "u", "d", NOW + timedelta(minutes=10))
    be_active(merchant, "u", NOW + timedelta(minutes=10))

    assert score_tenant(merchant.tenant_id, now=NOW + HOUR - timedelta(seconds=1)) == 0
    assert score_tenant(merchant.tenant_id, now=NOW + HOUR) == 1
    assert user(merchant, "u")["events_14d"] == 4


def test_score_tenant__active_without_a_pause__is_scored_after_two_hours(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)

    found = []
    for minutes in range(5, 130, 5):
        now = NOW + timedelta(minutes=minutes)
        be_active(merchant, "u", now)
        found += [minutes] * score_tenant(merchant.tenant_id, now=now)

    assert found == [120]


@pytest.mark.parametrize("stage", ["new", "onboarding", "at_risk", "churned", "recovered"])
def test_score_tenant__active_in_a_stage_that_events_change__does_not_rest(merchant: Api, stage: str) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    query(merchant, "UPDATE events_trackeduser SET lifecycle_stage = %s, stage_changed_at = %s", stage, NOW - HOUR)
    be_active(merchant, "u", NOW + timedelta(minutes=1))

    assert score_tenant(merchant.tenant_id, now=NOW + timedelta(minutes=2)) == 1
    assert user(merchant, "u")["lifecycle_stage"] == ("recovered" if stage in ("churned", "recovered") else "active")


_visits = strategies.lists(
    strategies.tuples(strategies.integers(1, 150), strategies.sampled_from(["a", "b", "d", "feature_gate_hit"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=_visits, idle_days=strategies.sampled_from([1, 3, 40]))
def test_rounds__whenever_events_come__score_them_within_two_hours_and_end_where_one_scoring_does(
    acme: Api, visits: list[tuple[int, str]], idle_days: int
) -> None:
    number = len(acme.get("/api/partners/customers", {"limit": 100}).json()["customers"])
    shop, twin = acme.provision(f"shop-{number}"), acme.provision(f"twin-{number}")
    for api in (shop, twin):
        write(api, {"u": History([(idle_days, "a")], age=idle_days + 1)})
        score_tenant(api.tenant_id, now=NOW)

    unseen: list[datetime] = []
    for minutes in range(5, 285, 5):
        now = NOW + timedelta(minutes=minutes)
        for at, name in [(NOW + timedelta(minutes=after), name) for after, name in sorted(visits)]:
            if now - timedelta(minutes=5) < at <= now:
                for api in (shop, twin):
                    happened(api, "u", name, at)
                if user_row(shop)[0] <= at - timedelta(minutes=5):  # as `track` notes it
                    be_active(shop, "u", at)
                unseen.append(at)
        score_tenant(shop.tenant_id, now=now)
        unseen = [at for at in unseen if at > user_row(shop)[1]]
        assert all(at > now - 2 * HOUR for at in unseen)

    assert unseen == []
    assert rescore(twin, "u", now=user_row(shop)[1]) == 1
    assert user_row(shop)[2:] == user_row(twin)[2:]


def user_row(api: Api) -> tuple[Any, ...]:
    """Last activity, when it was scored, and the scores of the tenant's only user."""
    (row,) = query(
        api,
        "SELECT last_activity_at, scored_at, activation_score, engagement_score, expansion_score, health, risk_level,"
        " events_14d FROM events_trackeduser",
    )
    return tuple(row)


def test_sweep__users_that_no_statistics_know__reads_each_a_few_times(
    merchant: Api, rival: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of their events, of which PostgreSQL then expects none: it must not look for few users' among all of them."""
    monkeypatch.setattr(scoring, "BATCH", 500)
    bring_users(rival)
    as_owner("ANALYZE events_trackeduser, events_event")
    bring_users(merchant)

    with reads() as seen:
        score_tenant(merchant.tenant_id, everyone=True)

    batches = [read for read in seen if "UPDATE events_trackeduser" in read.sql]
    assert len(batches) == 7
    assert max(read.rows for read in batches) < 5 * 500
    assert max(read.unequal for read in batches) < 5 * 500


def bring_users(api: Api) -> None:
    """3,000 users, each with an event."""
    as_owner(
        "INSERT INTO events_trackeduser (tenant_id, user_id, name, email, company, role, locale, traits,"
        " lifecycle_stage, opted_out)"
        " SELECT %s, 'u' || n, '', '', '', '', '', '{}', 'new', false FROM generate_series(1, 3000) n RETURNING 1",
        str(api.tenant_id),
    )
    as_owner(
        "INSERT INTO events_event (tenant_id, timestamp, user_id, name, original_name, source, properties,"
        " retention_days, month)"
        " SELECT %s, now(), 'u' || n, 'a', '', 'track', '{}', 90, date_trunc('month', now() AT TIME ZONE 'UTC')"
        " FROM generate_series(1, 3000) n RETURNING 1",
        str(api.tenant_id),
    )


def test_score_tenant__a_day_later__sweeps_and_finds_who_fell_silent(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    later = NOW + timedelta(days=30)

    assert score_tenant(merchant.tenant_id, now=later) == 1
    assert user(merchant, "u")["lifecycle_stage"] == "churned"


def test_score_tenant__more_events_that_move_no_score__are_counted(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    assert user(merchant, "u")["events_14d"] == 3
    happened(merchant, "u", "a", *[NOW - timedelta(days=1)] * 2)
    be_active(merchant, "u", NOW - timedelta(minutes=1))

    assert score_tenant(merchant.tenant_id, now=NOW + HOUR) == 1
    assert user(merchant, "u")["events_14d"] == 5
    assert score_tenant(merchant.tenant_id, now=NOW + 2 * HOUR) == 0


def test_score_tenant__changed_thresholds__reach_everyone_at_the_next_sweep(merchant: Api) -> None:
    write(merchant, {"u": HISTORY})
    score_tenant(merchant.tenant_id, now=NOW)
    configure(merchant, {"engagement": {"target_active_days": 3}})

    assert score_tenant(merchant.tenant_id, now=NOW + HOUR) == 0
    assert score_tenant(merchant.tenant_id, now=NOW + HOUR, everyone=True) == 1


@pytest.mark.usefixtures("small_batches")
def test_sweep__interrupted__goes_on_where_it_was(merchant: Api) -> None:
    write(merchant, {f"u{n}": HISTORY for n in range(8)})
    batches = 0

    def lose_the_third_batch(execute: Any, sql: str, *args: Any) -> Any:
        nonlocal batches
        batches += "events_stagechange" in sql
        if batches == 3:
            raise ConnectionError
        return execute(sql, *args)

    with pytest.raises(ConnectionError), connection.execute_wrapper(lose_the_third_batch):
        score_tenant(merchant.tenant_id, now=NOW)
    assert len(scored(merchant)) == 6
    assert query(merchant, "SELECT after FROM events_scoringsweep") == [("u5",)]

    assert score_tenant(merchant.tenant_id, now=NOW + timedelta(days=3)) == 2
    assert query(merchant, "SELECT after, began_at FROM events_scoringsweep") == [(None, NOW)]


def test_score_tenant__twice_side_by_side__writes_each_user_and_change_once(merchant: Api) -> None:
    write(merchant, {f"u{n:03}": HISTORY for n in range(300)})
    start = threading.Barrier(2)

    def work(_: int) -> int:
        start.wait()
        try:
            return score_tenant(merchant.tenant_id, everyone=True, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(work, range(2)))

    assert sum(written) == 300
    assert query(merchant, "SELECT count(*) FROM events_stagechange") == [(300,)]


def test_batch__whose_users_were_scored_meanwhile__leaves_them(merchant: Api) -> None:
    """The sweep reads without locks: what it computed is dropped where somebody has scored since."""
    write(merchant, {"u": HISTORY})
    parameters = scoring._parameters(merchant.tenant_id, None, NOW + HOUR)
    parameters |= {"after": "", "size": 10, "everyone": True}
    ready = threading.Event()

    def sweep() -> Any:
        try:
            with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
                ready.set()
                cursor.execute(scoring._SCORE_NEXT, parameters)
                return cursor.fetchone()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with tenant_context(merchant.tenant_id):
            assert score_users(tenant_id=merchant.tenant_id, user_ids=["u"], now=NOW) == 1
            swept = pool.submit(sweep)
            ready.wait()
            _wait_for_a_lock()
        written, *_ = swept.result()

    assert written == 0
    assert query(merchant, "SELECT scored_at FROM events_trackeduser") == [(NOW,)]


def test_score_tenant__another_tenants_users__stay_as_they_are(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    for api in (acme, merchant, other):
        write(api, {"u": HISTORY})
    before = query(other, "SELECT * FROM events_trackeduser")

    score_tenant(merchant.tenant_id, now=NOW)
    assert rescore(merchant, "u") == 0
    with tenant_context(merchant.tenant_id):
        assert score_users(tenant_id=other.tenant_id, user_ids=["u"], now=NOW) == 0

    assert query(other, "SELECT * FROM events_trackeduser") == before
    assert scored(acme) == []


def test_score_tenant__that_does_not_exist__is_nobody() -> None:
    assert score_tenant(uuid4()) == 0


# --- The command ----------------------------------------------------------------------------------------------------


def test_command__without_a_tenant__goes_over_all(acme: Api, merchant: Api, rival: Api) -> None:
    for api in (merchant, rival):
        write(api, {"u": HISTORY})

    assert command() == "tenants: 3, users whose scores moved: 2"
    assert (scored(merchant), scored(rival)) == (["u"], ["u"])


def test_command__of_a_tenant__is_about_it_alone(merchant: Api, rival: Api) -> None:
    for api in (merchant, rival):
        write(api, {"u": HISTORY})

    assert command(tenant="merchant") == "tenants: 1, users whose scores moved: 1"
    assert command(tenant=str(merchant.tenant_id), everyone=True) == "tenants: 1, users whose scores moved: 0"
    assert scored(rival) == []
    with pytest.raises(CommandError, match="no tenant"):
        command(tenant="nobody")


def test_command__a_tenant_fails__scores_the_others_and_ends_with_an_error(
    acme: Api, merchant: Api, rival: Api
) -> None:
    for api in (merchant, rival):
        write(api, {"u": HISTORY})

    with refusing_scores_of(merchant), pytest.raises(CommandError, match="score_users: 1 of 3 tenants failed"):
        command()

    assert (scored(merchant), scored(rival)) == ([], ["u"])


@contextmanager
def refusing_scores_of(api: Api) -> Iterator[None]:
    with owner_cursor() as cursor:
        cursor.execute(
            "ALTER TABLE events_trackeduser ADD CONSTRAINT refused"
            f" CHECK (scored_at IS NULL OR tenant_id <> '{api.tenant_id}') NOT VALID"
        )
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE events_trackeduser DROP CONSTRAINT refused")


def _wait_for_a_lock() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from events import policy, services
from events.batch import Batch, Event
from tenants.context import staff_context, tenant_context
from tenants.models import Scope, Tenant
from tenants.services import issue_key
from tests.conftest import Api, Server

PATH = "/api/track"


def event(user: str = "u1", name: str = "clicked", **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "event": name, **fields}


def track(api: Api, *events: Any) -> Any:
    response = api.post(PATH, {"events": list(events)})
    assert response.status_code == 200, response.content
    return response.json()


def rows(api: Api, sql: str) -> list[Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def count(api: Api, table: str) -> int:
    return int(rows(api, f"SELECT count(*) FROM {table}")[0][0])


def usage(api: Api) -> tuple[int, int]:
    """Events and active users, as metered."""
    (found,) = rows(api, "SELECT coalesce(sum(events), 0), coalesce(sum(active_users), 0) FROM events_monthlyusage")
    return int(found[0]), int(found[1])


def change_tenant(api: Api, **fields: Any) -> None:
    with staff_context():
        Tenant.objects.filter(id=api.tenant_id).update(**fields)


# --- What is taken --------------------------------------------------------------------------------------------------


def test_track__a_batch__is_stored_with_its_users(merchant: Api) -> None:
    moment = "2026-11-01T10:00:00Z"

    answer = track(merchant, event("u1", properties={"a": 1}, timestamp=moment), event("u2"), event("u1"))

    assert answer == {"accepted": 3, "duplicates": 0, "rejected": []}
    assert count(merchant, "events_event") == 3
    stored = rows(merchant, "SELECT name, properties, timestamp, source FROM events_event WHERE properties <> '{}'")
    assert stored == [("clicked", '{"a": 1}', datetime.fromisoformat(moment), "track")]
    users = rows(merchant, "SELECT user_id, scored_at IS NOT NULL FROM events_trackeduser ORDER BY 1")
    assert users == [("u1", True), ("u2", True)]
    assert usage(merchant) == (3, 2)


def test_track__no_timestamp__is_now(merchant: Api) -> None:
    track(merchant, event())

    ((age,),) = rows(merchant, "SELECT now() - timestamp FROM events_event")
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_track__empty_batch__takes_nothing(merchant: Api) -> None:
    assert track(merchant) == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_track__members_it_does_not_know__are_ignored(merchant: Api) -> None:
    assert track(merchant, event(context={"ip": "::1"}))["accepted"] == 1


def test_track__another_tenant__sees_nothing_of_it(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    track(merchant, event(idempotency_key="k"))

    for foreign in (acme, other):
        for table in ("event", "eventkey", "trackeduser", "monthlyactivity", "monthlyusage"):
            assert count(foreign, f"events_{table}") == 0
    assert track(other, event(idempotency_key="k"))["accepted"] == 1


def test_track__partner_key_without_full_access__is_403(acme: Api) -> None:
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER])

    response = Api(acme.tenant_id, key.text).post(PATH, {"events": [event()]})

    assert (response.status_code, response.json()["code"]) == (403, "full_scope_required")


# --- What is not ----------------------------------------------------------------------------------------------------

AHEAD = (datetime.now(UTC) + timedelta(hours=25)).isoformat()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (5, "invalid_event"),
        (None, "invalid_event"),
        ({}, "invalid_user_id"),
        ({"user_id": "u"}, "invalid_event"),
        (event(""), "invalid_user_id"),
        (event("x" * 256), "invalid_user_id"),
        (event(5), "invalid_user_id"),  # type: ignore[arg-type]
        (event("stats"), "invalid_user_id"),
        (event("."), "invalid_user_id"),
        (event(".."), "invalid_user_id"),
        (event("a\0b"), "nul_character"),
        (event("u", ""), "invalid_event"),
        (event(properties=[]), "invalid_properties"),
        (event(properties={"a\0": 1}), "nul_character"),
        (event(properties={"a": [{"b": "\0"}]}), "nul_character"),
        (event(timestamp="yesterday"), "invalid_timestamp"),
        (event(timestamp="2026-11-01T10:00:00"), "invalid_timestamp"),
        (event(timestamp=AHEAD), "invalid_timestamp"),
        (event(timestamp="0001-01-01T00:00:00Z"), "invalid_timestamp"),
        (event(timestamp=1700000000), "invalid_timestamp"),
        (event(idempotency_key=""), "invalid_idempotency_key"),
        (event(idempotency_key="x" * 129), "invalid_idempotency_key"),
        (event(idempotency_key=7), "invalid_idempotency_key"),
        (event(set=[]), "invalid_set"),
        (event(set_once="x"), "invalid_set_once"),
        (event(set={"a": "\0"}), "nul_character"),
        (event(set_once={"a\0": 1}), "nul_character"),
    ],
)
def test_track__one_bad_event__never_sinks_its_neighbours(merchant: Api, bad: Any, code: str) -> None:
    answer = track(merchant, event("before"), bad, event("after"))

    assert answer["accepted"] == 2
    assert [(rejection["index"], rejection["code"]) for rejection in answer["rejected"]] == [(1, code)]
    assert count(merchant, "events_event") == 2


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'"properties": {"a": 1e999}', "invalid_properties"),
        (b'"properties": {"a": ' + b"9" * 5000 + b"}", "invalid_properties"),
        (b'"properties": {"a": "\\ud800"}', "malformed_json"),
        (b'"properties": {"a": "\\udc00 \\ud83d\\ude00"}', "malformed_json"),
        (b'"properties": {"a": "\\\\ud800 \\ud83d\\ude00"}', None),
        (b'"properties": {"a": "\xff"}', "malformed_json"),
        (b'"properties": {"a": ' + b"[" * 300 + b"]" * 300 + b"}", None),
    ],
)
def test_track__rubbish_in_one_event__is_its_alone(merchant: Api, raw: bytes, code: str | None) -> None:
    body = b'{"events": [{"user_id": "u", "event": "e"}, {"user_id": "u", "event": "e", ' + raw + b"}]}"

    response = merchant.post(PATH, body)

    assert response.status_code == 200, response.content
    assert [rejection["code"] for rejection in response.json()["rejected"]] == ([code] if code else [])


def test_track__literal_backslash_u0000__is_text(merchant: Api) -> None:
    assert track(merchant, event(properties={"a": "\\u0000"}))["accepted"] == 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b"null", b"{}", b'{"events": {}}', b'{"events": null}', b'{"events": [1,}', b"\xff"]
)
def test_track__no_batch_at_all__is_400(merchant: Api, body: bytes) -> None:
    response = merchant.post(PATH, body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_batch")


def test_track__ten_thousand_deep__is_refused(merchant: Api) -> None:
    response = merchant.post(PATH, b'{"events": [' + b"[" * 10_000 + b"]" * 10_000 + b"]}")

    assert response.status_code == 400


def test_track__a_hundred_events__are_taken_and_one_more_is_413(merchant: Api) -> None:
    assert track(merchant, *[event()] * 100)["accepted"] == 100

    response = merchant.post(PATH, {"events": [event()] * 101})
    assert (response.status_code, response.json()["code"]) == (413, "batch_too_large")
    assert count(merchant, "events_event") == 100


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
    question = policy.query(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.* FROM (SELECT %(tenant_id)s::uuid AS tenant_id) caller CROSS JOIN LATERAL ({question.sql}) p",
            {"tenant_id": api.tenant_id, **question.parameters},
        )
        answer = policy.read(cursor.fetchone())
    return services.track(tenant_id=api.tenant_id, policy=answer, batch=Batch(events, []), now=now, source="test")


def take(api: Api, now: datetime, *keys: str) -> services.Outcome:
    with tenant_context(api.tenant_id):
        return take_in_context(api, now, *keys)


@pytest.mark.parametrize("hour", range(0, 96, 7))
def test_key__for_48_hours_from_any_moment__is_one_event(merchant: Api, hour: int) -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=hour)
    take(merchant, first, "k")

    for later in (timedelta(0), timedelta(minutes=1), timedelta(hours=24), timedelta(hours=48)):
        assert take(merchant, first + later, "k")["duplicates"] == 1


def test_key__on_either_side_of_a_rings_end_at_once__is_one_event(merchant: Api) -> None:
    """They write to different rings, so no unique key tells them: one has to wait for the other."""
    boundary = datetime.fromtimestamp(10_000 * policy.RING_SECONDS, UTC)
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
    headers = {"Authorization": f"Bearer {api.key}"}
    response = httpx.post(f"{server.url}{PATH}", json={"events": events}, headers=headers, timeout=60)
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


# --- Traits and mappings --------------------------------------------------------------------------------------------


def test_identify__traits__are_merged_into_the_user(merchant: Api) -> None:
    track(merchant, event("u1", "$identify", properties={"name": "Ada", "plan": "free", "team_size": 4}))
    track(
        merchant,
        event("u1", "$identify", properties={"plan": "pro", "email": "ada@example.com"}),
        event("u1", "$identify", properties={"plan": "max", "name": 5, "team_size": "many"}),
    )

    (user,) = rows(merchant, "SELECT name, email, team_size, traits FROM events_trackeduser")
    assert user[:3] == ("Ada", "ada@example.com", 4)
    assert json.loads(user[3]) == {"name": 5, "plan": "max", "team_size": "many", "email": "ada@example.com"}


def test_set__with_any_event__is_merged_and_set_once_below_all(merchant: Api) -> None:
    track(merchant, event("u1", set={"plan": "free"}, set_once={"source": "ad", "plan": "x", "email": "a@example.com"}))
    track(
        merchant,
        event("u1", set_once={"source": "mail", "name": "Bob", "team_size": 3}),
        event("u1", set_once={"name": "Eve", "company": "Acme", "email": "b@example.com"}),
        event("u1", "$identify", properties={"company": "Umbrella"}, set_once={"team_size": 9}),
        event("u2", set_once={"role": "chef"}),
    )

    users = rows(
        merchant,
        "SELECT user_id, name, email, company, role, team_size, traits::text FROM events_trackeduser ORDER BY 1",
    )
    assert [user[:6] for user in users] == [
        ("u1", "Bob", "a@example.com", "Umbrella", "", 3),
        ("u2", "", "", "", "chef", None),
    ]
    assert json.loads(users[0][6]) == {
        "plan": "free",
        "source": "ad",
        "email": "a@example.com",
        "name": "Bob",
        "team_size": 3,
        "company": "Umbrella",
    }


def test_set__of_an_event_sent_again__changes_nothing(merchant: Api) -> None:
    track(merchant, event(set={"plan": "free"}, idempotency_key="k"))
    track(merchant, event(set={"plan": "pro"}))
    track(merchant, event(set={"plan": "free"}, idempotency_key="k"))

    assert rows(merchant, "SELECT traits::text FROM events_trackeduser") == [('{"plan": "pro"}',)]


def test_mapping__of_a_shared_integration__renames_and_keeps_the_original(acme: Api) -> None:
    acme.register(event_mappings=[{"from": "order.completed", "to": "purchase", "properties": {"amount": "value"}}])
    merchant = acme.provision("merchant")

    track(merchant, event("u", "order.completed", properties={"amount": 5, "sku": "x"}), event("u", "other"))

    stored = rows(merchant, "SELECT name, original_name, properties::text FROM events_event ORDER BY name")
    assert stored == [("other", None, "{}"), ("purchase", "order.completed", '{"sku": "x", "value": 5}')]


def test_external_events__with_a_provider__apply_its_mappings_alone(acme: Api) -> None:
    acme.register("one", event_mappings=[{"from": "a", "to": "a_of_one"}])
    acme.register("two", event_mappings=[{"from": "a", "to": "a_of_two"}])
    merchant = acme.provision("merchant")

    response = merchant.post("/api/external/events", {"provider": "two", "events": [event("u", "a")]})
    merchant.post("/api/external/events", {"provider": "three", "events": [event("u", "a")]})
    track(merchant, event("u", "a"))

    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    stored = rows(merchant, "SELECT name, source FROM events_event ORDER BY received_at")
    assert stored == [("a_of_two", "external"), ("a", "external"), ("a_of_one", "track")]


@pytest.mark.parametrize("body", [{"events": []}, {"provider": "", "events": []}, {"provider": 5, "events": []}])
def test_external_events__without_a_provider__is_400(merchant: Api, body: Any) -> None:
    assert merchant.post("/api/external/events", body).status_code == 400

"""Erasure, proven by reading every column of every table afterwards."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from django.db import connection

from delivery import services as delivery
from delivery.transport.sending import Answer
from delivery.worker import actions, recording
from delivery.worker.queues import Result, Room
from events.users import services
from integrations.models import ActionType
from retivo import encryption
from tenants.context import staff_context, tenant_context
from tenants.models import AuditEntry
from tests.conftest import Api, Server
from tests.events.users.people import USERS, get, path, save, track
from tests.owner import owner_cursor

ID, EMAIL, NAME = "user-ada-4711", "ada-lovelace@x.example", "Ada-Lovelace-Byron"


def live(api: Api) -> None:
    """Everything that the API lets a user do or suffer. A new endpoint that stores something of a user belongs here."""
    properties = {"name": NAME, "email": EMAIL, "friend": ID}
    track(
        api,
        {"user_id": ID, "event": "$identify", "properties": properties},
        {
            "user_id": ID,
            "event": "order.completed",
            "properties": {"email": EMAIL},
            "idempotency_key": f"order of {ID}",
        },
        {"user_id": ID, "event": "clicked", "timestamp": "2020-01-01T00:00:00Z"},
        Idempotency_Key=f"batch-of-{ID}",
    )
    rejected = {"user_id": ID, "event": f"of {NAME}", "timestamp": EMAIL, "properties": {"email": EMAIL}}
    assert len(api.post("/api/track", {"events": [rejected]}).json()["rejected"]) == 1
    external = {"provider": "acme-loyalty", "events": [{"user_id": ID, "event": "order.completed"}]}
    assert api.post("/api/external/events", external, Idempotency_Key=f"push-of-{ID}").json()["accepted"] == 1
    named = {"user_id": ID, "name": NAME, "email": EMAIL, "company": NAME, "role": NAME, "locale": "en"}
    assert api.post(USERS, {**named, "traits": {"said": NAME}}, Idempotency_Key=f"make-{ID}").status_code == 200
    decision = {"user_id": ID, "context": {"friend": NAME, "mail": EMAIL}, "dispatch": True}
    assert api.post("/api/decisions/recommend", decision, Idempotency_Key=f"decide-{ID}").status_code == 200
    replay(api, receive(api))
    assert api.post("/api/interventions", {"user_id": ID}, Idempotency_Key=f"plan-{ID}").status_code == 201
    assert api.patch(path(ID), {"traits": {"mail": EMAIL, ID: NAME}, "opted_out": True}).status_code == 200
    assert api.get(USERS, {"search": NAME}).json()["total"] == 1


def receive(api: Api) -> str:
    """An action, whatever is decided, and an attempt that the receiver answered with what it was told."""
    with tenant_context(api.tenant_id):
        action = delivery.dispatch(
            tenant_id=api.tenant_id,
            user_id=ID,
            action_type_id=ActionType.objects.get(name="send_voucher").id,
            parameters={"to": EMAIL},
            decision_id=None,
            now=datetime.now(UTC),
        )
    claimed = actions.claim(Room(wanted=10, per_endpoint=10, slow_wanted=10, per_slow_endpoint=10))
    answer = Answer(started_at=datetime.now(UTC), latency_ms=1, status=200, body=f"Sent to {NAME}")
    recording.record([Result(lease=lease, answer=answer, delivered=True) for lease in claimed])
    return action.id


def replay(api: Api, action_id: str) -> None:
    with owner_cursor() as cursor:
        cursor.execute("UPDATE delivery_action SET status = 'failed', failure_reason = 'attempts_exhausted'")
    answer = api.post(f"/api/external/actions/{action_id}/replay", {}, Idempotency_Key=f"replay-{ID}")
    assert answer.status_code == 200


def texts() -> Iterator[tuple[str, str]]:
    """Each row of each table as text, bytes as hex; and what is encrypted, decrypted."""
    with owner_cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {table} t")
            yield from ((table, row) for (row,) in cursor.fetchall())
        cursor.execute("SELECT body FROM tenants_idempotentanswer")
        yield from (("tenants_idempotentanswer", encryption.decrypt(bytes(row)).decode()) for (row,) in cursor)


def traces(*needles: str) -> set[str]:
    """The tables in which one of them stands."""
    sought = [form for needle in needles for form in (needle.lower(), needle.encode().hex(), digest(needle))]
    return {table for table, text in texts() if any(form in text.lower() for form in sought)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def shop(acme: Api) -> Api:
    """A merchant under an event mapping."""
    acme.register(event_mappings=[{"from": "order.completed", "to": "purchase", "properties": {"email": "by"}}])
    return acme.provision("shop")


def test_erase__after_a_whole_life__leaves_no_trace_in_any_table(shop: Api) -> None:
    live(shop)
    found = traces(ID, EMAIL, NAME)
    assert {table.rstrip("_0123456789") for table in found} == {
        "decisions_decision",
        "decisions_intervention",
        "delivery_action",
        "delivery_attempt",
        "events_event",
        "events_monthlyactivity",
        "events_rejection",
        "events_stagechange",
        "events_trackeduser",
        "learning_remembereddecision",
        "tenants_idempotentanswer",
    }

    response = shop.delete(path(ID))

    assert (response.status_code, response.json()) == (200, {"erased": True, "existed": True})
    assert traces(ID, EMAIL, NAME) == set()
    assert shop.get(path(ID)).status_code == 404
    assert shop.get(USERS).json()["total"] == 0


def test_erase__a_table_that_hangs_on_the_user__is_erased_with_it(shop: Api) -> None:
    """As those of later apps will, without a right of ours to delete from them."""
    save(shop, ID)
    save(shop, "other")
    with owner_cursor() as cursor:
        cursor.execute(
            "CREATE TABLE later (tenant_id uuid, user_id text, said text,"
            " FOREIGN KEY (tenant_id, user_id) REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE)"
        )
        try:
            cursor.execute(
                "INSERT INTO later VALUES (%(tenant)s, %(id)s, %(name)s), (%(tenant)s, 'other', 'x')",
                {"tenant": shop.tenant_id, "id": ID, "name": NAME},
            )
            assert "later" in traces(NAME)

            shop.delete(path(ID))

            assert traces(ID, NAME) == set()
            cursor.execute("SELECT user_id FROM later")
            assert cursor.fetchall() == [("other",)]
        finally:
            cursor.execute("DROP TABLE later")


def test_erase__the_same_id_of_another_tenant_and_other_users__stay(acme: Api, shop: Api, rival: Api) -> None:
    other = acme.provision("other")
    for api in (shop, other, rival):
        track(api, {"user_id": ID, "event": "clicked"}, {"user_id": f"{ID}-2", "event": "clicked"})
        save(api, ID, name=NAME)

    shop.delete(path(ID))

    for api, user_id in ((other, ID), (rival, ID), (shop, f"{ID}-2"), (other, f"{ID}-2"), (rival, f"{ID}-2")):
        assert get(api, user_id)["id"] == user_id
        assert rows(api, "events_event", user_id) == rows(api, "events_monthlyactivity", user_id) == 1
    assert rows(shop, "events_event", ID) == 0


def test_erase__again__says_that_nobody_was_there_and_makes_no_second_audit_entry(shop: Api) -> None:
    save(shop, ID)

    first, second = shop.delete(path(ID)), shop.delete(path(ID))

    assert (first.status_code, first.json()) == (200, {"erased": True, "existed": True})
    assert (second.status_code, second.json()) == (200, {"erased": True, "existed": False})
    with staff_context():
        (entry,) = AuditEntry.objects.filter(action="user.erased")
    assert (entry.tenant_id, entry.detail) == (shop.tenant_id, {})
    assert entry.actor == shop.actor


def test_erase__a_path_with_a_slash_too_many__is_404_unless_there_is_such_a_user(shop: Api) -> None:
    save(shop, ID)

    assert shop.delete(f"{USERS}/{ID}/").status_code == 404
    assert get(shop, ID)["id"] == ID

    save(shop, f"{ID}/")
    assert shop.delete(f"{USERS}/{ID}/").json() == {"erased": True, "existed": True}
    assert get(shop, ID)["id"] == ID


def test_erase__usage__stays_as_it_was_metered(shop: Api) -> None:
    track(shop, {"user_id": ID, "event": "clicked"})

    shop.delete(path(ID))

    with tenant_context(shop.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT sum(events), sum(active_users) FROM events_monthlyusage")
        assert cursor.fetchone() == (1, 1)


def test_erase__months_long_ago__are_found(shop: Api) -> None:
    with owner_cursor() as cursor:
        for month in ("1999-01-01", "2025-06-01", "2025-07-01"):
            for user_id in (ID, "other"):
                cursor.execute(
                    "INSERT INTO events_monthlyactivity (tenant_id, month, user_id) VALUES (%s, %s, %s)",
                    [shop.tenant_id, month, user_id],
                )

    shop.delete(path(ID))

    assert rows(shop, "events_monthlyactivity", ID) == 0
    assert rows(shop, "events_monthlyactivity", "other") == 3


def test_erase__then_the_same_idempotency_key__makes_a_new_user(shop: Api) -> None:
    first = shop.post(USERS, {"user_id": ID, "name": NAME}, Idempotency_Key="k")
    shop.delete(path(ID))

    second = shop.post(USERS, {"user_id": ID, "name": NAME}, Idempotency_Key="k")

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in second.headers


def test_erase__an_id_of_any_characters__is_erased(shop: Api) -> None:
    for user_id in ("a/b", "50%", "ü ☃", "x\n"):
        save(shop, user_id)
        assert shop.delete(path(user_id)).status_code == 200

    assert shop.get(USERS).json()["total"] == 0


def test_erase__while_someone_writes__waits_for_them(shop: Api, server: Server) -> None:
    """What holds the lock shared may have read that the user is there; half of it must not come after the erasure."""
    save(shop, ID)
    headers = {"Authorization": f"Bearer {shop.key}"}

    with ThreadPoolExecutor(1) as thread, tenant_context(shop.tenant_id), connection.cursor() as cursor:
        cursor.execute(services._HOLD_OFF_ERASURE, {"tenant_id": shop.tenant_id})
        erasure = thread.submit(httpx.delete, server.url + path(ID), headers=headers, timeout=60)
        while not _someone_waits():
            assert not erasure.done()
        cursor.execute(
            "INSERT INTO events_monthlyactivity (tenant_id, month, user_id) VALUES (%s, '2026-11-01', %s)",
            [shop.tenant_id, ID],
        )

    assert erasure.result().status_code == 200
    assert traces(ID) == set()


def test_erase__beside_saves_of_the_same_user__ends_whole_or_gone(shop: Api, server: Server) -> None:
    def act(number: int) -> int:
        if number % 3 == 0:
            return server.send(shop, "DELETE", path(ID)).status_code
        body = {"user_id": ID, "name": NAME}
        return server.send(shop, "POST", USERS, body, Idempotency_Key=f"k{number}").status_code

    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(act, range(60)))

    assert set(statuses) <= {200, 201}
    shop.delete(path(ID))
    assert traces(ID, NAME) == set()


def rows(api: Api, table: str, user_id: str) -> int:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [user_id])
        found: Any = cursor.fetchone()
    return int(found[0])


def _someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')")
        return bool(cursor.fetchone()[0])

"""A partner's webhooks over HTTP."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from delivery.models import Webhook
from delivery.webhooks.services import _PLACE
from tenants.context import staff_context, tenant_context
from tests.conftest import Api, Server
from tests.owner import as_owner
from tests.partners.webhooks.cast import URL, WEBHOOKS, make, newest, used


def get(partner: Api, webhook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = partner.get(f"{WEBHOOKS}/{webhook['id']}").json()["webhook"]
    return found


def count(partner: Api) -> int:
    return len(partner.get("/api/partners/events", {"limit": 1000}).json()["events"])


def test_create__shows_its_secret_once(acme: Api) -> None:
    webhook = make(acme, types=["customer.updated", "customer.created"], description="Billing")

    secret = webhook.pop("webhook_secret")
    assert len(bytes.fromhex(secret)) == 32
    assert webhook["types"] == ["customer.created", "customer.updated"]
    assert (webhook["active"], webhook["disabled_at"], webhook["description"]) == (True, None, "Billing")
    assert get(acme, webhook) == {**webhook, "replay": None}
    page = acme.get(WEBHOOKS).json()
    assert page == {"webhooks": [webhook], "total": 1, "next_cursor": None}
    assert secret not in acme.get("/api/partners/events").content.decode()
    event = newest(acme, "webhook.created")
    assert event["data"] == {"webhook_id": webhook["id"], "url": URL}
    with staff_context():
        assert secret.encode() not in bytes(Webhook.objects.get().encrypted_secret or b"")


def test_create__without_types__is_for_all(acme: Api) -> None:
    assert make(acme)["types"] == make(acme, types="*")["types"] == "*"


def test_create__again_with_the_same_key__is_the_same(acme: Api) -> None:
    first, second = (acme.post(WEBHOOKS, {"url": URL}, Idempotency_Key="k1").json() for _ in range(2))

    assert first == second
    assert acme.get(WEBHOOKS).json()["total"] == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/url", "required"),
        ({"url": "http://acme.example/"}, "/url", "https_required"),
        ({"url": "https://10.0.0.1/"}, "/url", "private_address"),
        ({"url": "https://acme.example:22/"}, "/url", "port_not_allowed"),
        ({"url": URL, "types": []}, "/types", "invalid"),
        ({"url": URL, "types": "customer.created"}, "/types", "invalid"),
        ({"url": URL, "types": [1]}, "/types", "invalid"),
        ({"url": URL, "types": ["customer.eaten"]}, "/types", "unknown_event_type"),
        ({"url": URL, "types": None}, "/types", "null"),
        ({"url": URL, "description": "x" * 501}, "/description", "max_length"),
        ({"url": URL, "active": "yes"}, "/active", "invalid"),
        ({"url": URL, "secret": "mine"}, "/secret", "unknown_field"),
    ],
)
def test_create__asked_wrongly__names_what_is_wrong(acme: Api, body: Any, pointer: str, code: str) -> None:
    answer = acme.post(WEBHOOKS, body)

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_create__many_at_once__stop_at_the_limit(acme: Api, server: Server) -> None:
    for _ in range(15):
        make(acme)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.send(acme, "POST", WEBHOOKS, {"url": URL}), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [403] * 3
    refused = next(answer.json() for answer in answers if answer.status_code == 403)
    assert (refused["code"], refused["current"], refused["limit"]) == ("webhook_limit_reached", 20, 20)


def test_list__page_by_page__is_whole(acme: Api) -> None:
    made = [make(acme)["id"] for _ in range(5)]
    found, cursor = [], None
    while True:
        page = acme.get(WEBHOOKS, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [webhook["id"] for webhook in page["webhooks"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == made
    assert page["total"] == 5


def test_change__tells_what_changed(acme: Api) -> None:
    webhook = make(acme)

    answer = acme.patch(f"{WEBHOOKS}/{webhook['id']}", {"types": ["api_key.issued"], "active": False})

    assert answer.status_code == 200
    changed = answer.json()["webhook"]
    assert (changed["types"], changed["active"]) == (["api_key.issued"], False)
    assert changed["updated_at"] > webhook["updated_at"]
    assert newest(acme, "webhook.updated")["data"]["changed"] == ["types", "active"]


def test_change__to_what_it_is__changes_nothing(acme: Api) -> None:
    webhook = make(acme, types=["customer.created"])
    before = count(acme)

    answer = acme.patch(f"{WEBHOOKS}/{webhook['id']}", {"url": URL, "types": ["customer.created"]})

    assert answer.json()["webhook"]["updated_at"] == webhook["updated_at"]
    assert count(acme) == before


def test_delete__takes_it_away_with_its_secret(acme: Api) -> None:
    webhook = make(acme)

    answer = acme.delete(f"{WEBHOOKS}/{webhook['id']}")

    assert (answer.status_code, answer.json()) == (200, {"deleted": True})
    assert acme.get(f"{WEBHOOKS}/{webhook['id']}").status_code == 404
    assert acme.delete(f"{WEBHOOKS}/{webhook['id']}").status_code == 404
    assert acme.get(WEBHOOKS).json()["total"] == 0
    with tenant_context(acme.tenant_id):
        assert Webhook.objects.get().encrypted_secret is None
    assert newest(acme, "webhook.deleted")["data"]["webhook_id"] == webhook["id"]


def test_rotate_secret__makes_another(acme: Api) -> None:
    webhook = make(acme)

    answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/rotate-secret", {"overlap_hours": 1})

    assert answer.status_code == 200
    assert answer.json()["webhook_secret"] != webhook["webhook_secret"]
    assert newest(acme, "webhook.secret_rotated")["data"] == {"webhook_id": webhook["id"], "url": URL}


@pytest.mark.parametrize("action", ["test", "replay"])
def test_webhook_that_is_off__is_sent_nothing(acme: Api, action: str) -> None:
    webhook = make(acme, active=False)

    answer = acme.post(
        f"{WEBHOOKS}/{webhook['id']}/{action}", {"since": "2026-01-01T00:00:00Z"} if action == "replay" else {}
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_inactive")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/after", "after_or_since"),
        ({"after": "evt_1", "since": "2026-01-01T00:00:00Z"}, "/after", "after_or_since"),
        ({"after": "1"}, "/after", "invalid_format"),
        ({"since": "yesterday"}, "/since", "invalid"),
        ({"since": "2999-01-01T00:00:00Z"}, "/since", "in_future"),
        ({"since": "2026-01-01T00:00:00Z", "types": ["x"]}, "/types", "unknown_event_type"),
    ],
)
def test_replay__asked_wrongly__names_what_is_wrong(acme: Api, body: Any, pointer: str, code: str) -> None:
    webhook = make(acme)

    answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", body)

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_replay__behind_no_event__says_that_it_is_gone(acme: Api, rival: Api) -> None:
    webhook = make(acme)
    anothers = rival.get("/api/partners/events").json()["events"][0]["id"]

    for after in ("evt_none", anothers):
        answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"after": after})
        assert (answer.status_code, answer.json()["code"]) == (410, "event_gone")


def test_replay__of_nothing__is_over_at_once(acme: Api) -> None:
    """However it is asked for, and the next may begin."""
    webhook = make(acme)
    newest = acme.get("/api/partners/events").json()["events"][-1]

    for _ in range(2):
        answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"after": newest["id"]})
        assert (answer.status_code, answer.json()["replay"]["status"]) == (202, "completed"), answer.content
        newest = acme.get("/api/partners/events", {"after": newest["id"]}).json()["events"][-1]  # of the replay


def test_replay__while_one_runs__is_refused(acme: Api) -> None:
    webhook = make(acme)
    body = {"since": "2026-01-01T00:00:00Z"}

    first, second = (acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", body) for _ in range(2))

    assert (first.status_code, first.json()["replay"]["status"]) == (202, "running")
    assert (second.status_code, second.json()["code"]) == (409, "replay_running")
    assert get(acme, webhook)["replay"]["id"] == first.json()["replay"]["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/test"),
        ("GET", "/attempts"),
        ("POST", "/replay"),
    ],
)
def test_webhook__of_another__is_as_none(acme: Api, rival: Api, method: str, path: str) -> None:
    theirs = make(rival)["id"]
    body = {"since": "2026-01-01T00:00:00Z"} if path == "/replay" else {}

    answers = [acme.send(method, f"{WEBHOOKS}/{id}{path}", body) for id in (theirs, "wh_none")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["code"] == answers[1].json()["code"] == "not_found"


@pytest.mark.parametrize(
    "table",
    [
        "delivery_webhook",
        "delivery_webhookreader",
        "delivery_webhookdelivery",
        "delivery_webhookattempt",
        "delivery_failurecount",
    ],
)
def test_raw_sql__in_anothers_context__sees_nothing(acme: Api, rival: Api, merchant: Api, table: str) -> None:
    webhook = make(acme)
    event = newest(acme, "webhook.created")["id"]
    as_owner(
        "INSERT INTO delivery_webhookdelivery (tenant_id, webhook_id, event_id, status, attempts, replayed_from)"
        " VALUES (%s, %s, %s, 'pending', 0, 0)",
        acme.tenant_id,
        webhook["id"],
        event,
    )
    as_owner(
        "INSERT INTO delivery_webhookattempt (tenant_id, webhook_id, event_id, number, started_at, latency_ms, error,"
        " response) VALUES (%s, %s, %s, 1, now(), 1, '', '')",
        acme.tenant_id,
        webhook["id"],
        event,
    )
    as_owner("INSERT INTO delivery_failurecount VALUES (gen_random_uuid(), 'x', now(), 1, 0, %s)", acme.tenant_id)
    for context, seen in ((acme, 1), (rival, 0), (merchant, 0)):
        with tenant_context(context.tenant_id), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (seen,)


def test_replay__since_a_time__begins_at_the_lowest_number_of_those_that_began_later(acme: Api) -> None:
    """Numbers are in the order of commits: what began earlier may have a higher one."""
    webhook = make(used(acme))
    began = ["09:00", "11:30", "12:10", "11:50", "12:05", "11:59"]
    as_owner("DELETE FROM tenants_partnerevent")
    for at in began:
        as_owner(
            "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data, created_at)"
            " VALUES (%s, 'customer.updated', 1, 'system', '{}', now()::date - 1 + %s::time)",
            acme.tenant_id,
            at,
        )
    (noon,) = as_owner("SELECT to_char(now()::date - 1, 'YYYY-MM-DD') || 'T12:00:00Z'")[0]
    (third,) = as_owner("SELECT min(seq) + 2 FROM tenants_partnerevent")[0]

    answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"since": noon})

    assert answer.status_code == 202, answer.content
    assert as_owner("SELECT seq FROM delivery_webhookreader WHERE until_seq IS NOT NULL") == [(third - 1,)]


def test_replay__since_a_time__is_placed_by_indexes(acme: Api) -> None:
    used(acme)
    as_owner(
        "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data, created_at)"
        " SELECT %s, 'customer.updated', 1, 'system', '{}', now() - interval '80 days' + n * interval '20 minutes'"
        " FROM generate_series(1, 5000) n",
        acme.tenant_id,
    )
    as_owner("ANALYZE tenants_partnerevent")
    asked = {"partner_id": acme.tenant_id, "after": None, "since": datetime.now(UTC) - timedelta(days=20)}

    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_PLACE}", asked)
        plan = json.dumps(cursor.fetchone()[0])

    assert max(int(rows) for rows in re.findall(r'"Rows Removed by Filter": (\d+)', plan) or ["0"]) < 10, plan

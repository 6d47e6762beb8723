"""The outcome URL: one action's, for a time, and nothing else."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import takewhile
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.db import connections
from django.test import Client

from delivery.outcomes.tokens import WINDOW
from delivery.outcomes.views import REPORTS, WRONG_TOKENS
from tests import plain_http
from tests.conftest import Api, Server
from tests.delivery.cast import Merchant, merchant_of, work
from tests.delivery.outcomes.reporting import path_of, report, sent
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner
from tests.retivo.api.test_any_operation import operations

ACTIONS = "/api/external/actions"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


def outcome(shop: Merchant, id: str) -> Any:
    return shop.api.get(f"{ACTIONS}/{id}").json()["action"]["outcome"]


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# --- Reporting ------------------------------------------------------------------------------------------------------


def test_url__of_a_delivered_action__records_its_outcome_once(shop: Merchant, inbox: Receiver) -> None:
    id, path = sent(shop, inbox)

    first = report(path, {"status": "partial", "result": {"points": 3}})
    second = report(path, {"status": "completed"})

    assert (first.status_code, first.json()) == (
        200,
        {"recorded": True, "action_id": id, "outcome_status": "partial"},
    )
    assert code(second) == (409, "outcome_recorded")
    assert "`partial`" in second.json()["error"]
    assert first["Cache-Control"] == "no-store"
    shown = outcome(shop, id)
    assert (shown["status"], shown["result"], shown["reported_by"]) == ("partial", {"points": 3}, "outcome_url")
    assert shop.action(id).status == "completed"


def test_url__in_the_body__is_below_the_public_url(shop: Merchant, inbox: Receiver, settings: Any) -> None:
    settings.PUBLIC_URL = "https://retivo.example/below"
    shop.dispatch()
    work()

    url = inbox.received[0].json["outcome_url"]
    assert url.startswith("https://retivo.example/below/api/outcomes/eo_")


def test_url__where_nothing_says_the_services_address__is_left_out(
    shop: Merchant, inbox: Receiver, settings: Any
) -> None:
    settings.PUBLIC_URL = ""
    shop.dispatch()
    work()

    assert "outcome_url" not in inbox.received[0].json


def test_url__twenty_reports_by_two_ways_at_once__one_wins(shop: Merchant, inbox: Receiver, server: Server) -> None:
    id, path = sent(shop, inbox)
    ready = threading.Barrier(20)

    def race(number: int) -> int:
        ready.wait()
        if number % 2:
            return server.send(shop.api, "POST", f"{ACTIONS}/{id}/outcome", {"status": "completed"}).status_code
        while True:  # as clients do, it sends again what there was no thread for
            status = plain_http.post(server.url + path, json={"status": "ignored"}, timeout=60).status_code
            if status not in (429, 503):
                return status

    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(race, range(20)))

    assert statuses == {200: 1, 409: 19}
    assert as_owner("SELECT count(*) FROM delivery_actionchange WHERE action_id = %s", id) == [(2,)]


def test_url__reported_from_within_the_receivers_handler__stands(shop: Merchant, inbox: Receiver) -> None:
    def answer(received: Any) -> Answer:
        statuses.append(report("/api" + received.json["outcome_url"].partition("/api")[2]).status_code)
        connections["default"].close()
        return Answer(200)

    statuses: list[int] = []
    inbox.answer = answer
    id = shop.dispatch()
    work()

    assert statuses == [200]
    assert (shop.action(id).status, shop.action(id).delivered_at is None) == ("completed", False)


def test_url__of_a_replayed_action__is_the_same(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(410)
    id = shop.dispatch()
    work()
    as_owner("UPDATE delivery_endpoint SET disabled_at = NULL")
    inbox.answer = Answer(200)
    assert shop.api.post(f"{ACTIONS}/{id}/replay", {}).status_code == 200
    work()

    first, second = (received.json["outcome_url"] for received in inbox.received)
    assert first == second
    assert report("/api" + first.partition("/api")[2]).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/status"),
        ({"status": "done"}, "/status"),
        ({"status": "completed", "result": "x"}, "/result"),
        ({"status": "completed", "result": {"x": "y" * 66_000}}, "/result"),
        ({"status": "completed", "action_id": "ea_1"}, "/action_id"),
    ],
)
def test_url__malformed_report__names_the_field(shop: Merchant, inbox: Receiver, body: Any, pointer: str) -> None:
    id, path = sent(shop, inbox)

    response = report(path, body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer
    assert outcome(shop, id) is None


def test_url__of_an_action_never_sent__is_refused(shop: Merchant) -> None:
    id = shop.dispatch()

    assert code(report(path_of(tenant_id=shop.api.tenant_id, action_id=id))) == (409, "action_not_sent")


# --- Its window -----------------------------------------------------------------------------------------------------


def test_url__thirty_days_after_the_actions_expiry__is_over(shop: Merchant, inbox: Receiver) -> None:
    id, _ = sent(shop, inbox)
    now, margin = datetime.now(UTC), timedelta(minutes=1)
    over, open_ = (
        path_of(tenant_id=shop.api.tenant_id, action_id=id, expires_at=now - WINDOW + each)
        for each in (-margin, margin)
    )

    assert timedelta(days=30) == WINDOW
    assert code(report(over)) == (410, "outcome_window_over")
    assert code(report(over, {"rubbish": 1})) == (410, "outcome_window_over")
    assert outcome(shop, id) is None
    assert report(open_).status_code == 200


def test_url__its_window__begins_at_the_actions_own_expiry(shop: Merchant, inbox: Receiver) -> None:
    id, path = sent(shop, inbox)

    assert path == path_of(tenant_id=shop.api.tenant_id, action_id=id, expires_at=shop.action(id).expires_at)


# --- What is no token -----------------------------------------------------------------------------------------------


def test_url__token_cut_lengthened_or_changed_anywhere__is_not_found(shop: Merchant, inbox: Receiver) -> None:
    id, path = sent(shop, inbox)
    head, token = path[: path.index("eo_") + 3], path[path.index("eo_") + 3 :]
    changed = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in range(len(token))
    ]
    wrong = [*changed, token[:-1], token[:-4], token + "A", token + "=", token[1:], "", token.swapcase(), "ö" * 72]

    assert {code(report(head + each)) for each in wrong} == {(404, "not_found")}
    assert "API key" not in report(head + wrong[0]).json()["detail"]  # none was sent
    assert outcome(shop, id) is None
    assert report(path).status_code == 200


def test_url__with_another_tenants_or_an_unknown_action_in_it__is_not_found(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    id, _ = sent(shop, inbox)
    other = merchant_of(acme, inbox.url, slug="other", provider="other")

    for named in (
        {"tenant_id": other.api.tenant_id, "action_id": id},
        {"tenant_id": acme.tenant_id, "action_id": id},
        {"tenant_id": uuid4(), "action_id": id},
        {"tenant_id": shop.api.tenant_id, "action_id": f"ea_{uuid4().hex}"},
    ):
        assert code(report(path_of(**named))) == (404, "not_found")
    assert outcome(shop, id) is None


def test_url__of_an_erased_user__is_not_found(shop: Merchant, inbox: Receiver) -> None:
    _, path = sent(shop, inbox)
    assert shop.api.delete("/api/customers/u1").status_code == 200

    assert code(report(path)) == (404, "not_found")
    assert as_owner("SELECT count(*) FROM delivery_action") == [(0,)]


def test_url__after_a_rotation_of_the_encryption_keys__is_good_until_the_old_key_is_gone(
    shop: Merchant, inbox: Receiver, settings: Any
) -> None:
    old, new = settings.ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    (_, before), (_, before_too) = sent(shop, inbox), sent(shop, inbox)

    settings.ENCRYPTION_KEYS = [*new, *old]
    _, after = sent(shop, inbox)
    assert report(before).status_code == 200
    settings.ENCRYPTION_KEYS = old
    assert code(report(after)) == (404, "not_found")
    settings.ENCRYPTION_KEYS = new
    assert code(report(before_too)) == (404, "not_found")
    assert report(after).status_code == 200


# --- What it does not open ------------------------------------------------------------------------------------------


def test_token__on_every_operation_of_the_api__opens_nothing(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    _, path = sent(shop, inbox)
    token = path.rpartition("/")[2]
    tried = 0

    for method, other, operation in operations("get", "post", "put", "patch", "delete"):
        if "security" in operation:
            for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"Basic {token}"}, {}):
                response = Client(headers=headers).generic(method, f"{other}?api_key={token}&token={token}", b"{}")
                assert response.status_code == 401, f"{method} {other}"
                tried += 1

    assert tried > 150


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_token__other_methods_of_its_own_path__are_405(shop: Merchant, inbox: Receiver, method: str) -> None:
    id, path = sent(shop, inbox)

    response = getattr(Client(), method)(path)

    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert id.encode() not in response.content
    assert outcome(shop, id) is None


def test_token__in_sql_of_the_runtime_role__records_one_outcome_and_shows_nothing(shop: Merchant) -> None:
    """Whoever sends SQL as the web needs an action's id, and is told no more than who has the URL."""
    id = shop.dispatch()
    sql = "SELECT * FROM record_outcome_by_url(%s, %s, 'completed', NULL)"
    with closing(connections.create_connection("web")) as web, web.cursor() as cursor:
        for tenant, action in ((shop.api.tenant_id, "ea_x"), (uuid4(), id)):
            cursor.execute(sql, [tenant, action])
            assert cursor.fetchall() == [("unknown", None)]
        cursor.execute("SELECT count(*) FROM delivery_action")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT verdict FROM record_outcomes(%s::jsonb, 'tenant')", [f'[{{"action_id": "{id}"}}]'])
        assert cursor.fetchall() == [("unknown",)]


# --- Bounds and logs ------------------------------------------------------------------------------------------------


def test_url__wrong_tokens_of_one_address_above_a_minutes__are_429_and_right_ones_go_on(
    shop: Merchant, inbox: Receiver
) -> None:
    _, path = sent(shop, inbox)
    wrong = path[:-8] + "AAAAAAAA"

    reports = (report(wrong).status_code for _ in range(2 * WRONG_TOKENS + 1))
    statuses = list(takewhile(lambda status: status != 429, reports))

    assert set(statuses) == {404}
    assert WRONG_TOKENS <= len(statuses) <= 2 * WRONG_TOKENS  # a minute may have ended meanwhile
    right = report(path)
    assert (right.status_code, right["RateLimit-Policy"]) == (200, '"outcomes";q=60000;w=60')


def test_url__flooded__is_429_for_that_action_and_that_address_alone(
    shop: Merchant, inbox: Receiver, settings: Any
) -> None:
    paths = [sent(shop, inbox)[1] for _ in range(4)]

    statuses = Counter(report(paths[0]).status_code for _ in range(REPORTS + 5))
    assert statuses.keys() == {200, 409, 429}
    assert report(paths[1]).status_code == 200

    settings.RATE_LIMIT = f"{REPORTS + 2}/86400"
    cache.clear()
    floods = [report(path).status_code for _ in range(REPORTS) for path in paths[:2]]
    assert floods.count(429) == REPORTS - 2
    assert report(paths[2]).status_code == 429
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert report(paths[2], **elsewhere).status_code == 200
    assert report(paths[3], **elsewhere).status_code == 200


def test_url__wrong_token__never_gets_as_far_as_the_database(
    shop: Merchant, inbox: Receiver, statements: list[str]
) -> None:
    _, path = sent(shop, inbox)
    statements.clear()

    assert report(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert statements == []
    assert report(path).status_code == 200
    assert len(statements) == 1


def test_url__reported_and_refused__is_in_no_log(shop: Merchant, inbox: Receiver, server: Server) -> None:
    _, path = sent(shop, inbox)
    before = len(server.log.read_text())

    for body in ({"status": "done"}, {"status": "completed"}, {"status": "completed"}):
        plain_http.post(server.url + path, json=body, timeout=60)
    plain_http.post(server.url + path[:-2], json={}, timeout=60)
    plain_http.get(server.url + path, timeout=60)

    logged = server.log.read_text()[before:]
    assert logged.count('"/api/outcomes/<outcome_token:token>"') == 4
    assert path[-70:-4] not in logged

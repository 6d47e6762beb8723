"""Each guardrail: that it applies, under its name, in the answer and in the ledger."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from decisions.recommending.guardrails import is_held_out
from decisions.recommending.services import carry_out, decide
from decisions.recommending.situation import Request
from events.users.services import erase_user
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.decisions.cast import ask
from tests.decisions.deciding import (
    DECISIONS,
    RECOMMEND,
    acted,
    configure,
    names,
    reasons,
    recommend,
    shop_of,
)
from tests.owner import as_owner


def is_stopped_by(api: Api, name: str, **fields: Any) -> None:
    """In the answer and in the ledger, and nothing is sent."""
    answer = recommend(api, dispatch=True, **fields)
    assert (answer["action"], answer["action_id"], answer["confidence"]) == (None, None, None)
    assert names(answer)[0] == name
    assert {each["excluded_because"] for each in answer["candidates"] if each["action"]} <= {name}
    assert answer["propensity"] == 1
    found = api.get(f"{DECISIONS}/{answer['decision_id']}").json()["decision"]
    assert (found["stopped_by"], found["guardrails"][0], found["action"]) == (name, name, None)
    assert api.get("/api/external/actions").json()["total"] == 0


def test_kill_switch__of_the_tenant__stops(shop: Api) -> None:
    shop.put("/api/settings/kill-switch", {"active": True})
    is_stopped_by(shop, "kill_switch")

    shop.put("/api/settings/kill-switch", {"active": False})
    assert acted(shop)["action"]


def test_kill_switch__of_the_partner__stops_all_its_customers_and_nobody_elses(
    acme: Api, rival: Api, shop: Api
) -> None:
    sibling, foreign = shop_of(acme, "sibling"), shop_of(rival, "foreign")
    acme.put("/api/settings/kill-switch", {"active": True})

    is_stopped_by(shop, "partner_kill_switch")
    is_stopped_by(sibling, "partner_kill_switch")
    assert names(recommend(foreign)) == []


@pytest.mark.parametrize(
    ("table", "column", "reason"),
    [
        ("integrations_partnerintegration", "tenant_id", "integration_inactive"),
        ("integrations_actiontype", "partner_id", "action_type_inactive"),
    ],
)
def test_switched_off__an_integration_or_a_type__excludes_it(
    acme: Api, shop: Api, table: str, column: str, reason: str
) -> None:
    as_owner(f"UPDATE {table} SET active = false WHERE {column} = %(partner)s", partner=acme.tenant_id)

    answer = recommend(shop)

    assert reasons(answer) == {"grant_points": reason, "send_voucher": reason, None: None}
    assert (answer["action"], names(answer)) == (None, ["no_candidates"])


def test_plan__suspended__stops_what_is_asked_for_without_a_key(shop: Api) -> None:
    as_owner("UPDATE tenants_tenant SET plan_status = 'suspended' WHERE id = %(t)s", t=shop.tenant_id)

    with tenant_context(shop.tenant_id):
        decided = decide(tenant_id=shop.tenant_id, request=Request(user_id="u0"), now=datetime.now(UTC))

    assert (decided.stopped_by, decided.chosen) == ("suspended_by_staff", None)
    assert shop.post(RECOMMEND, {"user_id": "u0"}).json()["code"] == "suspended_by_staff"


def test_shadow_mode__decides_and_logs_and_sends_nothing(shop: Api) -> None:
    shop.put("/api/settings/shadow-mode", {"active": True})
    before = ask(shop, "SELECT count(*) FROM learning_remembereddecision")

    answers = [recommend(shop, dispatch=True) for _ in range(5)]

    chosen = next(answer for answer in answers if answer["action"])
    assert names(chosen) == ["shadow_mode"]
    found = shop.get(f"{DECISIONS}/{chosen['decision_id']}").json()["decision"]
    assert (found["shadow"], found["action"], found["action_id"]) == (True, chosen["action"], None)
    assert shop.get("/api/external/actions").json()["total"] == 0
    assert ask(shop, "SELECT count(*) FROM learning_remembereddecision") == before


def test_opted_out__user__gets_nothing(shop: Api) -> None:
    shop.patch("/api/customers/u0", {"opted_out": True})

    is_stopped_by(shop, "opted_out")
    assert acted(shop, "u1")["action"]


# --- Limits ---------------------------------------------------------------------------------------------------------


def let_pass(api: Api, **time: float) -> None:
    """As if the decisions were that much older."""
    ask(api, "UPDATE decisions_decision SET created_at = created_at - %(by)s", by=timedelta(**time))


def test_cooldown__after_something_was_given__stops_until_it_is_over(shop: Api) -> None:
    configure(shop, guardrails={"cooldown_hours": 24})
    acted(shop)

    is_stopped_by(shop, "cooldown")
    assert acted(shop, "u1")["action"]
    let_pass(shop, hours=23)
    is_stopped_by(shop, "cooldown")
    let_pass(shop, hours=1)
    assert acted(shop)["action"]


def test_frequency_cap__as_often_as_allowed__stops_until_the_first_is_old(shop: Api) -> None:
    configure(shop, guardrails={"max_per_user": {"count": 2, "days": 7}})
    acted(shop)
    let_pass(shop, days=6)
    acted(shop)

    is_stopped_by(shop, "frequency_cap")
    let_pass(shop, days=1)
    assert acted(shop)["action"]


def test_limits__of_one_action__exclude_it_alone(shop: Api) -> None:
    configure(shop, guardrails={"action_types": {"grant_points": {"cooldown_hours": 24}}})
    acted(shop, action_types=["grant_points"])

    assert reasons(recommend(shop)) == {"grant_points": "action_cooldown", "send_voucher": None, None: None}
    configure(
        shop,
        guardrails={"action_types": {"grant_points": {"cooldown_hours": 0, "max_per_user": {"count": 1, "days": 30}}}},
    )
    assert reasons(recommend(shop))["grant_points"] == "action_frequency_cap"
    let_pass(shop, days=30)
    assert reasons(recommend(shop))["grant_points"] is None


def test_limits__what_was_only_decided_in_shadow_or_a_dry_run__does_not_count(shop: Api) -> None:
    configure(shop, guardrails={"cooldown_hours": 24})
    acted(shop, dry_run=True)
    shop.put("/api/settings/shadow-mode", {"active": True})
    acted(shop)
    shop.put("/api/settings/shadow-mode", {"active": False})

    assert acted(shop)["action"]


def test_cooldown__twenty_requests_at_once__give_one_action(shop: Api, server: Server) -> None:
    configure(shop, guardrails={"cooldown_hours": 24})
    body = {"user_id": "u0", "dispatch": True}

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: server.send(shop, "POST", RECOMMEND, body), range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["action_id"] is not None for answer in answers) == 1


def test_cooldown__of_a_decision_that_is_not_committed_yet__is_waited_for(shop: Api, server: Server) -> None:
    configure(shop, guardrails={"cooldown_hours": 24})
    asked: dict[str, Any] = {"tenant_id": shop.tenant_id, "request": Request(user_id="u0"), "now": datetime.now(UTC)}

    with ThreadPoolExecutor(1) as thread, tenant_context(shop.tenant_id):
        given = next(made for _ in range(50) if (made := decide(**asked)).chosen)
        carry_out(tenant_id=shop.tenant_id, decided=given, dispatch=False)
        answer = thread.submit(post, server, shop, {"user_id": "u0"})
        wait_for_a_lock(answer)

    assert names(answer.result().json()) == ["cooldown"]


@pytest.mark.parametrize("dispatch", [False, True])
def test_recommend__for_a_user_whose_erasure_is_not_committed_yet__is_404(
    shop: Api, server: Server, dispatch: bool
) -> None:
    with ThreadPoolExecutor(1) as thread, tenant_context(shop.tenant_id):
        erase_user(actor="api_key:test", tenant_id=shop.tenant_id, user_id="u1")
        answer = thread.submit(post, server, shop, {"user_id": "u1", "dispatch": dispatch})
        wait_for_a_lock(answer)

    assert answer.result().status_code == 404
    assert answer.result().json()["code"] == "not_found"
    assert shop.get(DECISIONS, {"user_id": "u1"}).json()["total"] == 0


def post(server: Server, api: Api, body: dict[str, Any]) -> httpx.Response:
    return server.send(api, "POST", RECOMMEND, body)


def wait_for_a_lock(answer: Future[httpx.Response]) -> None:
    """Until the request waits for what this transaction holds."""
    with connection.cursor() as cursor:
        waits = False
        while not waits:
            assert not answer.done()
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')")
            (waits,) = cursor.fetchone()


# --- Quiet hours ----------------------------------------------------------------------------------------------------


def around(hours: int) -> dict[str, str]:
    """Quiet hours around the time that it is `hours` east of UTC."""
    now = datetime.now(UTC) + timedelta(hours=hours)
    return {"from": f"{now - timedelta(hours=1):%H:%M}", "to": f"{now + timedelta(hours=1):%H:%M}"}


@pytest.mark.parametrize(
    ("trait", "zone", "hours"),
    [
        (None, None, 0),
        (None, "Asia/Tokyo", 9),
        ("Asia/Tokyo", None, 9),
        ("Asia/Tokyo", "UTC", 9),
        ("Nowhere/Else", "Asia/Tokyo", 9),
        ("../../etc/passwd", None, 0),
        ({"a": 1}, None, 0),
        (5, "Asia/Tokyo", 9),
    ],
)
def test_quiet_hours__in_the_users_zone_else_the_tenants_else_utc__stop(
    shop: Api, trait: Any, zone: str | None, hours: int
) -> None:
    configure(shop, guardrails={"quiet_hours": around(hours)}, timezone=zone)
    shop.patch("/api/customers/u0", {"traits": {"timezone": trait}})
    is_stopped_by(shop, "quiet_hours")

    configure(shop, guardrails={"quiet_hours": around(hours + 6)})
    assert names(recommend(shop)) == []


# --- Holdout --------------------------------------------------------------------------------------------------------


def test_holdout__users_in_it__get_nothing_ever(shop: Api) -> None:
    configure(shop, holdout_percent=50)
    held_out = [n for n in range(40) if is_held_out(shop.tenant_id, f"h{n}", 50)]
    for n in range(40):
        shop.post("/api/customers", {"user_id": f"h{n}"})

    for n in range(40):
        answer = recommend(shop, f"h{n}", dispatch=True)
        assert (names(answer) == ["holdout"]) == (n in held_out)
    assert 8 <= len(held_out) <= 32


def test_holdout__by_hash__is_a_share_that_stays_and_only_grows(shop: Api) -> None:
    users = [f"user-{n}" for n in range(20_000)]
    few = {user for user in users if is_held_out(shop.tenant_id, user, 5)}
    more = {user for user in users if is_held_out(shop.tenant_id, user, 10)}

    assert few < more
    assert abs(len(few) / len(users) - 0.05) < 0.01
    assert abs(len(more) / len(users) - 0.10) < 0.01
    assert not any(is_held_out(shop.tenant_id, user, 0) for user in users)


# --- Config ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"guardrails": []}, "/config/guardrails"),
        ({"guardrails": {"cooldown": 1}}, "/config/guardrails/cooldown"),
        ({"guardrails": {"cooldown_hours": "1"}}, "/config/guardrails/cooldown_hours"),
        ({"guardrails": {"cooldown_hours": 2161}}, "/config/guardrails/cooldown_hours"),
        ({"guardrails": {"max_per_user": {"count": 1}}}, "/config/guardrails/max_per_user/days"),
        ({"guardrails": {"max_per_user": {"count": 101, "days": 1}}}, "/config/guardrails/max_per_user/count"),
        ({"guardrails": {"action_types": {"a": {"x": 1}}}}, "/config/guardrails/action_types/a/x"),
        ({"guardrails": {"quiet_hours": {"from": "25:00", "to": "08:00"}}}, "/config/guardrails/quiet_hours/from"),
        ({"guardrails": {"quiet_hours": {"from": "22:00"}}}, "/config/guardrails/quiet_hours/to"),
        ({"conversion": {}}, "/config/conversion/event"),
        ({"conversion": {"event": "e", "within_days": 91}}, "/config/conversion/within_days"),
        ({"conversion": {"event": "e", "value": 1.5}}, "/config/conversion/value"),
        ({"conversion": {"event": "e", "value": "1"}}, "/config/conversion/value"),
        ({"timezone": "Europe/Nowhere"}, "/config/timezone"),
        ({"timezone": 5}, "/config/timezone"),
    ],
)
def test_config__a_value_that_does_not_fit__is_400_that_names_it(shop: Api, config: Any, pointer: str) -> None:
    response = shop.patch("/api/settings", {"config": config})

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]

"""What is past its time goes, batch by batch; what is young, not ended, or counted by a limit stays."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import Error, connection, transaction

from decisions import tasks
from decisions.playbooks.interventions import move_interventions
from decisions.upkeep import forgetting
from tenants.context import tenant_context
from tests.conftest import Api
from tests.decisions.cast import INTERVENTIONS, ask, interventions, person, plan, playbook, run
from tests.decisions.deciding import DECISIONS, acted, must_act, settle, shop_of
from tests.events.users.people import get
from tests.owner import as_owner

TABLES = ("decisions_decision", "decisions_intervention", "delivery_action", "delivery_attempt")


def age(days: int) -> None:
    """Let so many days pass, for whatever there is."""
    passed = f"interval '{days} days'"
    for table, columns in {
        "decisions_decision": ("created_at", "closed_at"),
        "decisions_intervention": ("planned_at", "sent_at"),
        "delivery_action": ("created_at",),
        "delivery_attempt": ("started_at",),
        "learning_remembereddecision": ("decided_at",),
    }.items():
        changes = ", ".join(f"{column} = {column} - {passed}" for column in columns)
        as_owner(f"UPDATE {table} SET {changes}")


def dispatched(shop: Api, user_id: str = "u0") -> tuple[str, str]:
    """The ids of a decision and of its action, which is delivered."""
    answer = acted(shop, user_id, dispatch=True)
    as_owner("UPDATE delivery_action SET status = 'delivered', attempts = 1, delivered_at = now()")
    as_owner(
        "INSERT INTO delivery_attempt (tenant_id, action_id, number, started_at, latency_ms, status_code, error,"
        " response) SELECT tenant_id, id, 1, created_at, 9, 200, '', 'Thank you' FROM delivery_action"
        " ON CONFLICT DO NOTHING"
    )
    as_owner("DELETE FROM decisions_decision WHERE action_id IS NULL")  # where nothing was drawn
    return answer["decision_id"], answer["action_id"]


def forget(shop: Api, batch: int = 2) -> dict[str, int]:
    settle(shop)
    return forgetting.forget(tenant_id=shop.tenant_id, now=datetime.now(UTC), batch=batch)


def counts(api: Api) -> dict[str, int]:
    return {table: ask(api, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def ids(api: Api, table: str) -> set[str]:
    return {id for (id,) in ask(api, f"SELECT id FROM {table}")}


def test_forget_old__past_their_time__go_and_answer_404(shop: Api) -> None:
    decision, action = dispatched(shop)
    intervention = plan(shop, "u1")
    as_owner("UPDATE decisions_intervention SET status = 'rejected'")
    old = [f"{DECISIONS}/{decision}", f"/api/external/actions/{action}", f"{INTERVENTIONS}/{intervention}"]
    assert [shop.get(path).status_code for path in old] == [200, 200, 200]
    age(forgetting.KEPT_DAYS + 1)
    young, _ = dispatched(shop, "u2")

    tasks.forget_old(timestamp=0)

    assert [shop.get(path).status_code for path in old] == [404, 404, 404]
    assert shop.post(f"/api/external/actions/{action}/outcome", {"status": "completed"}).status_code == 404
    assert shop.get(f"{DECISIONS}/{young}").status_code == 200
    assert counts(shop) == {
        "decisions_decision": 1,
        "decisions_intervention": 0,
        "delivery_action": 1,
        "delivery_attempt": 1,
    }


def test_forget_old__a_day_before__stays_and_its_answer_goes(shop: Api) -> None:
    _, action = dispatched(shop)
    age(29)
    tasks.forget_old(timestamp=0)
    assert (
        shop.get(f"/api/external/actions/{action}").json()["action"]["delivery_attempts"][0]["response"] == "Thank you"
    )

    age(forgetting.KEPT_DAYS - 30)
    tasks.forget_old(timestamp=0)

    assert shop.get(f"/api/external/actions/{action}").json()["action"]["delivery_attempts"][0]["response"] == ""
    assert set(counts(shop).values()) == {0, 1}
    assert counts(shop)["decisions_intervention"] == 0


def test_forget_old__not_ended__stays_however_old(shop: Api) -> None:
    answer = acted(shop, dispatch=True)
    waiting = plan(shop, "u1")
    age(forgetting.KEPT_DAYS + 1)
    as_owner("UPDATE decisions_decision SET cost_usd = 1, cost_state = 'reserved' WHERE action_id IS NOT NULL")

    tasks.forget_old(timestamp=0)

    assert ids(shop, "delivery_action") == {answer["action_id"]}
    assert ids(shop, "decisions_decision") == {answer["decision_id"]}
    assert ids(shop, "decisions_intervention") == {waiting}


def test_forget__a_decision_that_is_not_closed__stays_until_it_is(shop: Api) -> None:
    dispatched(shop)
    age(forgetting.KEPT_DAYS + 1)

    assert forgetting.forget(tenant_id=shop.tenant_id, now=datetime.now(UTC))["decisions"] == 0

    assert forget(shop)["decisions"] == 1


def test_forget__sees_no_other_tenants(acme: Api, rival: Api) -> None:
    shops = [shop_of(acme), shop_of(rival, "foreign")]
    for each in shops:
        must_act(each)
        dispatched(each)
    age(forgetting.KEPT_DAYS + 1)
    before = counts(shops[1])

    forgetting.forget_tenant(shops[0].tenant_id)

    assert set(counts(shops[0]).values()) == {0}
    assert counts(shops[1]) == before


def test_forget_old__of_a_suspended_tenant__is_settled_and_goes(shop: Api) -> None:
    dispatched(shop)
    as_owner("UPDATE decisions_decision SET cost_usd = 1, cost_state = 'reserved' WHERE action_id IS NOT NULL")
    as_owner(
        "INSERT INTO decisions_budget (tenant_id, month, reserved_usd, settled_usd)"
        " SELECT tenant_id, date_trunc('month', (created_at - interval '401 days') AT TIME ZONE 'UTC'), 1, 0"
        " FROM decisions_decision WHERE action_id IS NOT NULL"
    )
    age(forgetting.KEPT_DAYS + 1)
    as_owner("UPDATE tenants_tenant SET plan_status = 'suspended' WHERE id = %(id)s", id=shop.tenant_id)

    tasks.forget_old(timestamp=0)

    assert set(counts(shop).values()) == {0}
    assert ask(shop, "SELECT reserved_usd, settled_usd FROM decisions_budget") == [(0, 1)]


def test_forget__killed_in_between__keeps_whole_batches_and_goes_on(shop: Api) -> None:
    for _ in range(7):
        assert shop.post("/api/decisions/recommend", {"user_id": "u0"}).status_code == 200
    age(forgetting.KEPT_DAYS + 1)
    settle(shop)
    deletions: list[str] = []

    def killed_at_the_third(execute: Any, sql: str, *args: Any) -> Any:
        if "DELETE FROM decisions_decision" in sql:
            deletions.append(sql)
            if len(deletions) == 3:
                execute("SELECT pg_terminate_backend(pg_backend_pid())", None, *args[1:])
        return execute(sql, *args)

    with pytest.raises(Error), connection.execute_wrapper(killed_at_the_third):
        forget(shop)
    connection.close()

    assert counts(shop)["decisions_decision"] == 3
    assert forget(shop)["decisions"] == 3
    assert counts(shop)["decisions_decision"] == 0


def test_forget__whatever_another_holds__is_passed_over(shop: Api) -> None:
    for _ in range(3):
        assert shop.post("/api/decisions/recommend", {"user_id": "u0"}).status_code == 200
    age(forgetting.KEPT_DAYS + 1)
    settle(shop)
    held = sorted(ids(shop, "decisions_decision"))[0]

    with transaction.atomic(using="owner"):
        as_owner("SELECT FROM decisions_decision WHERE id = %(id)s FOR UPDATE", id=held)
        assert forget(shop)["decisions"] == 2
    assert ids(shop, "decisions_decision") == {held}

    assert forget(shop)["decisions"] == 1


def test_forget__between_erasures__leaves_what_they_need(shop: Api) -> None:
    dispatched(shop)
    young, _ = dispatched(shop, "u1")
    as_owner(
        "UPDATE decisions_decision SET created_at = created_at - interval '401 days' WHERE id <> %(young)s", young=young
    )
    tasks.forget_old(timestamp=0)

    for user_id in ("u0", "u1"):
        assert shop.delete(f"/api/customers/{user_id}").status_code == 200

    assert set(counts(shop).values()) == {0}


# --- Playbooks ------------------------------------------------------------------------------------------------------


def test_forget__of_a_playbook__plans_no_step_of_an_entry_again(acme: Api) -> None:
    person(acme, "a")
    playbook(acme)
    assert run(acme)["planned"] == 1
    as_owner("UPDATE decisions_intervention SET status = 'completed'")
    age(forgetting.KEPT_DAYS + 30)

    assert forget(acme)["interventions"] == 1

    assert interventions(acme) == []
    assert run(acme, datetime.now(UTC)).get("planned", 0) == 0
    assert interventions(acme) == []


@pytest.mark.parametrize(
    ("constraints", "stays"),
    [
        ({}, False),
        ({"max_per_user": 1}, True),
        ({"max_per_user": 1, "period_days": 365}, False),
        ({"period_days": 365}, False),
        ({"max_per_user": 1, "period_days": 401}, True),
        ({"cooldown_days": 400}, False),
        ({"cooldown_days": 401}, True),
    ],
)
def test_forget__what_a_limit_still_counts__stays(acme: Api, constraints: dict[str, int], stays: bool) -> None:
    for user_id in ("counts", "never-happened"):
        person(acme, user_id)
    playbook(acme, constraints=constraints)
    run(acme)
    as_owner(
        "UPDATE decisions_intervention SET status = CASE user_id WHEN 'counts' THEN 'delivered' ELSE 'cancelled' END"
    )
    age(forgetting.KEPT_DAYS + 30)

    forget(acme)

    assert [each["user_id"] for each in interventions(acme)] == ["counts"] * stays


def test_forget__sent_long_ago_and_never_heard_of__is_no_longer_the_users_next_action(acme: Api) -> None:
    person(acme, "a")
    sent = plan(acme)
    with tenant_context(acme.tenant_id):
        move_interventions(tenant_id=acme.tenant_id, ids=[sent], status="sent")
    assert get(acme, "a")["next_action"]["status"] == "sent"
    as_owner("UPDATE decisions_intervention SET planned_at = planned_at - interval '401 days'")
    assert forget(acme)["interventions"] == 0

    as_owner("UPDATE decisions_intervention SET sent_at = sent_at - interval '401 days'")
    assert forget(acme)["interventions"] == 1

    assert get(acme, "a")["next_action"] is None

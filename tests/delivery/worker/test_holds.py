"""What is not sent any more though it was dispatched: held back for a while, or ended."""

from typing import Any

import pytest
from django.db import connections

from delivery.worker import actions
from delivery.worker.queues import Room
from tests.conftest import Api
from tests.delivery.cast import Merchant, let_time_pass, make_due, merchant_of, work
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner, owner_cursor

ACTIONS = "/api/external/actions"

HOLDS = {
    "kill switch": ("tenants_tenant", "kill_switch_active", "slug = 'merchant'"),
    "partner's kill switch": ("tenants_tenant", "kill_switch_active", "tenant_role = 'partner'"),
    "shadow mode": ("tenants_tenant", "shadow_mode", "slug = 'merchant'"),
    "plan": ("tenants_tenant", "plan_status", "slug = 'merchant'", "suspended", "active"),
    "integration": ("integrations_partnerintegration", "active", "true", False, True),
}


def switch(name: str, *, on: bool) -> None:
    table, column, rows, *values = HOLDS[name]
    value = (values or [True, False])[0 if on else 1]
    with owner_cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {rows}", [value])
        assert cursor.rowcount == 1


# --- Held back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", HOLDS)
def test_hold__turned_on_after_the_dispatch__keeps_it_until_it_is_lifted(
    shop: Merchant, inbox: Receiver, hold: str
) -> None:
    inbox.answer = Answer(503)
    retrying = shop.dispatch()
    work()
    inbox.answer = Answer()
    waiting = shop.dispatch()
    switch(hold, on=True)

    make_due()
    work()

    assert inbox.ids == [retrying]
    found = [shop.action(id) for id in (waiting, retrying)]
    assert [(action.status, action.attempts) for action in found] == [("pending", 0), ("dispatched", 1)]

    switch(hold, on=False)
    work()

    assert inbox.ids[0] == retrying
    assert sorted(inbox.ids[1:]) == sorted([waiting, retrying])
    assert [shop.action(id).status for id in (waiting, retrying)] == ["delivered"] * 2


def test_hold__of_one_tenant__holds_up_no_other(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    other = merchant_of(acme, inbox.url, slug="other", provider="other")
    held, free = shop.dispatch(), other.dispatch()
    switch("kill switch", on=True)

    work()

    assert inbox.ids == [free]
    assert shop.action(held).status == "pending"


def test_hold__longer_than_the_action_lives__has_it_expire(shop: Merchant, inbox: Receiver) -> None:
    id = shop.dispatch()
    switch("kill switch", on=True)
    let_time_pass(3 * 24 * 3600 + 1)

    assert actions.expire() == 1
    switch("kill switch", on=False)
    work()

    assert (shop.action(id).status, inbox.received) == ("expired", [])


def test_held_lanes__many_of_them__take_no_place_from_the_one_that_is_free(acme: Api, shop: Merchant) -> None:
    """A claim looks at 64 lanes that have something to send."""
    other = merchant_of(acme, "https://hooks.acme.example/other", slug="other", provider="other")
    pile_up_lanes(shop, 300)
    switch("kill switch", on=True)
    ids = {other.dispatch() for _ in range(5)}

    assert {claim_one() for _ in range(5)} == ids


def test_full_endpoint__with_many_lanes__takes_no_place_from_the_one_that_is_free(acme: Api, shop: Merchant) -> None:
    other = merchant_of(acme, "https://hooks.acme.example/other", slug="other", provider="other")
    pile_up_lanes(shop, 300)
    room = Room(wanted=10, per_endpoint=10, slow_wanted=10, per_slow_endpoint=10)
    assert len(actions.claim(room)) == 10
    ids = {other.dispatch() for _ in range(5)}

    assert {claim_one() for _ in range(5)} == ids


def test_expired_actions__many_of_them__take_no_place_from_the_one_that_is_due(acme: Api, shop: Merchant) -> None:
    other = merchant_of(acme, "https://hooks.acme.example/other", slug="other", provider="other")
    pile_up_lanes(shop, 300)
    let_time_pass(24 * 3600 + 1)
    ids = {other.dispatch() for _ in range(5)}

    assert {claim_one() for _ in range(5)} == ids
    assert actions.expire() == 300


def pile_up_lanes(shop: Merchant, count: int) -> None:
    """So many action types with an action each, all of one webhook, all older than what comes after."""
    as_owner(
        "INSERT INTO integrations_actiontype (id, tenant_id, provider, domain, name, description,"
        " parameters_schema, delivery_webhook, encrypted_webhook_secret, active)"
        " SELECT 'at_' || n, %(tenant)s, 'own', '', 'a' || n, '', '{}', 'https://hooks.own.example/', 'x', true"
        " FROM generate_series(1, %(count)s) n",
        tenant=shop.api.tenant_id,
        count=count,
    )
    as_owner(
        "INSERT INTO delivery_action (tenant_id, id, action_type_id, action_type, provider, domain, user_id,"
        " parameters, status, due_at, attempts, replayed_from, failure_reason, expires_at)"
        " SELECT tenant_id, 'ea_' || md5(id), id, name, provider, '', 'u1', '{}', 'pending',"
        " now() - interval '1 hour', 0, 0, '', now() + interval '1 day'"
        " FROM integrations_actiontype WHERE provider = 'own'"
    )


def claim_one() -> str:
    (lease,) = actions.claim(Room(wanted=1, per_endpoint=10, slow_wanted=1, per_slow_endpoint=10))
    return lease.action_id


# --- Ended ----------------------------------------------------------------------------------------------------------


def test_user__who_opted_out_meanwhile__is_sent_nothing_more(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(503)
    retrying = shop.dispatch()
    work()
    inbox.answer = Answer()
    waiting, of_another = shop.dispatch(), shop.dispatch(user_id="u2")
    assert shop.api.patch("/api/customers/u1", {"opted_out": True}).status_code == 200

    make_due()
    work()

    assert inbox.ids == [retrying, of_another]
    for id, attempts in ((waiting, 0), (retrying, 1)):
        action: dict[str, Any] = shop.api.get(f"{ACTIONS}/{id}").json()["action"]
        assert (action["status"], action["failure_reason"], action["attempts"]) == (
            "failed",
            "user_opted_out",
            attempts,
        )


def test_user__who_opts_in_again__can_have_it_replayed(shop: Merchant, inbox: Receiver) -> None:
    id = shop.dispatch()
    for opted_out in (True, False):
        shop.api.patch("/api/customers/u1", {"opted_out": opted_out})
        work()
    assert inbox.received == []

    assert shop.api.post(f"{ACTIONS}/{id}/replay", {}).status_code == 200
    work()

    assert inbox.ids == [id]


def test_user__erased_meanwhile__is_sent_nothing_more(shop: Merchant, inbox: Receiver) -> None:
    shop.dispatch()
    of_another = shop.dispatch(user_id="u2")
    assert shop.api.delete("/api/customers/u1").status_code == 200

    work()

    assert inbox.ids == [of_another]


def test_user__erased_while_it_is_sent__leaves_nothing_behind(shop: Merchant, inbox: Receiver) -> None:
    def erase(received: Any) -> Answer:
        assert shop.api.delete("/api/customers/u1").status_code == 200
        connections["default"].close()
        return Answer()

    inbox.answer = erase
    shop.dispatch()
    work()

    assert len(inbox.received) == 1
    assert shop.statuses() == {}
    assert as_owner("SELECT count(*) FROM delivery_attempt")[0] == (0,)

"""A month's money: what is reserved, settled and released, and that it is never overspent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.db import transaction

from decisions.recommending import services
from decisions.recommending.situation import Request
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.decisions.cast import ask
from tests.decisions.deciding import (
    RECOMMEND,
    acted,
    configure,
    names,
    reasons,
    recommend,
    settle,
    shop_of,
    types,
)
from tests.owner import as_owner


def price(api: Api, cost: str) -> None:
    as_owner(
        "UPDATE integrations_actiontype SET estimated_cost_usd = %(cost)s WHERE tenant_id = %(t)s",
        cost=cost,
        t=api.tenant_id,
    )


def spent(api: Api) -> Any:
    return ask(api, "SELECT reserved_usd, settled_usd FROM decisions_budget")


def test_budget__as_much_as_there_is__is_given_and_no_more(shop: Api) -> None:
    configure(shop, action_budget_usd="1.00")
    price(shop, "0.4")
    for _ in range(2):
        while recommend(shop, dispatch=True)["action"] is None:
            pass

    answer = recommend(shop, dispatch=True)

    assert reasons(answer) == {"grant_points": "budget", "send_voucher": "budget", None: None}
    assert names(answer) == ["no_candidates"]
    assert spent(shop) == [(Decimal("0.8"), 0)]


def test_budget__what_costs_nothing__needs_none(shop: Api) -> None:
    configure(shop, action_budget_usd=0)
    price(shop, "0")

    assert acted(shop, dispatch=True)["action_id"]


def test_budget__not_dispatched__reserves_nothing(shop: Api) -> None:
    price(shop, "0.4")
    acted(shop)

    assert spent(shop) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [("delivered", (0, Decimal("0.4"))), ("completed", (0, Decimal("0.4"))), ("expired", (0, 0))],
)
def test_budget__when_the_action_ended__is_settled_or_released_once(shop: Api, status: str, expected: Any) -> None:
    price(shop, "0.4")
    acted(shop, dispatch=True)
    assert settle(shop)["costs"] == 0
    as_owner("UPDATE delivery_action SET status = %(s)s, failure_reason = 'endpoint_gone'", s=status)

    assert settle(shop)["costs"] == 1
    assert settle(shop)["costs"] == 0

    assert spent(shop) == [expected]


def test_budget__of_a_failed_action__stays_reserved_until_no_replay_can_deliver_it(shop: Api) -> None:
    price(shop, "0.4")
    acted(shop, dispatch=True)
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = 'endpoint_gone'")

    assert settle(shop)["costs"] == 0
    assert spent(shop) == [(Decimal("0.4"), 0)]

    as_owner("UPDATE delivery_action SET expires_at = now()")
    assert settle(shop)["costs"] == 1
    assert spent(shop) == [(0, 0)]


def test_budget__of_a_failed_action_that_a_replay_delivers__is_settled(shop: Api) -> None:
    price(shop, "0.4")
    action_id = acted(shop, dispatch=True)["action_id"]
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = 'endpoint_gone'")
    settle(shop)

    assert shop.post(f"/api/external/actions/{action_id}/replay", {}).status_code == 200
    settle(shop)
    assert spent(shop) == [(Decimal("0.4"), 0)]
    as_owner("UPDATE delivery_action SET status = 'delivered', delivered_at = now()")
    settle(shop)

    assert spent(shop) == [(0, Decimal("0.4"))]


def test_budget__fifty_at_once__is_never_overspent(shop: Api, server: Server) -> None:
    configure(shop, action_budget_usd="4.00")
    price(shop, "0.4")
    for n in range(50):
        shop.post("/api/customers", {"user_id": f"b{n}"})

    def ask_for(n: int) -> httpx.Response:
        return server.send(shop, "POST", RECOMMEND, {"user_id": f"b{n}", "dispatch": True})

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(ask_for, range(50)))

    assert {answer.status_code for answer in answers} == {200}
    sent = sum(answer.json()["action_id"] is not None for answer in answers)
    assert sent == 10
    assert spent(shop) == [(Decimal("4.00"), 0)]
    assert ask(shop, "SELECT count(*), sum(cost_usd) FROM decisions_decision WHERE action_id IS NOT NULL") == [
        (10, Decimal("4.00"))
    ]


def test_budget__a_dearer_and_a_cheaper_action__leaves_the_cheaper(shop: Api) -> None:
    configure(shop, action_budget_usd="1.00")
    price(shop, "5")
    cheap = {name: id for id, name in types(shop).items()}["send_voucher"]
    as_owner("UPDATE integrations_actiontype SET estimated_cost_usd = 0.5 WHERE id = %(id)s", id=cheap)

    answer = acted(shop, dispatch=True)

    assert reasons(answer)["grant_points"] == "budget"
    assert answer["action"] == "send_voucher"


def test_budget__gone_between_the_draw_and_the_dispatch__the_second_draw_is_as_likely_as_it_says(acme: Api) -> None:
    """The first draw is known to be of what costs too much. Its seed again would nearly always draw the same place."""
    shop = shop_of(acme)
    configure(shop, action_budget_usd="1.00")
    price(shop, "0")
    # The first of the candidates is dear: by the same seed, whoever drew it would draw the next one.
    first, second = (each["action_type_id"] for each in recommend(shop, dry_run=True)["candidates"][:2])
    as_owner("UPDATE integrations_actiontype SET estimated_cost_usd = 1 WHERE id = %(id)s", id=first)
    gone = "INSERT INTO decisions_budget (tenant_id, month, reserved_usd, settled_usd) VALUES (%(t)s, %(month)s, 1, 0)"
    expected, drawn, variance = 0.0, 0, 0.0
    for _ in range(120):
        now = datetime.now(UTC)
        with tenant_context(shop.tenant_id):
            decided = services.decide(tenant_id=shop.tenant_id, request=Request(user_id="u0"), now=now)
            if decided.chosen is None or decided.chosen.id != first:
                continue
            as_owner("DELETE FROM decisions_budget")
            as_owner(gone, t=shop.tenant_id, month=now.date().replace(day=1))
            made = services.carry_out(tenant_id=shop.tenant_id, decided=decided, dispatch=True)
            transaction.set_rollback(True)  # so that no limit of the user's is reached
        (cheap,) = (each for each in made.candidates if each.action_type_id == second)
        as_owner("DELETE FROM decisions_budget")
        expected += cheap.propensity
        variance += cheap.propensity * (1 - cheap.propensity)
        drawn += made.chosen is not None

    assert variance > 5
    assert abs(drawn - expected) < 4 * variance**0.5

"""A partner hears once a month that a customer's budget refused an action, wherever it was refused."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from jsonschema import Draft202012Validator

from decisions.recommending.services import carry_out, decide
from decisions.recommending.situation import Request
from tenants import catalogue
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.decisions.cast import ask, plan, run
from tests.decisions.deciding import RECOMMEND, configure, recommend
from tests.owner import as_owner

MONTH = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture
def dear(shop: Api) -> Api:
    """A shop with room for one action."""
    configure(shop, action_budget_usd="0.50")
    as_owner("UPDATE integrations_actiontype SET estimated_cost_usd = 0.4 WHERE tenant_id = %s", shop.tenant_id)
    return shop


def spend(shop: Api) -> None:
    as_owner(
        "INSERT INTO decisions_budget (tenant_id, month, reserved_usd, settled_usd) VALUES"
        " (%s, date_trunc('month', now() AT TIME ZONE 'UTC'), 0.1, 0.4)",
        shop.tenant_id,
    )


def told(partner: Api) -> list[Any]:
    """The customers and data of what the partner was told, in order."""
    sql = "SELECT customer_id, data::text FROM tenants_partnerevent WHERE type = 'budget.exhausted' ORDER BY seq"
    found = [(customer, json.loads(data)) for customer, data in ask(partner, sql)]
    for _, data in found:
        Draft202012Validator(catalogue.EVENTS["budget.exhausted"].data).validate(data)
    return found


def event(shop: Api, spent_usd: str = "0.500000", budget_usd: str = "0.500000") -> Any:
    return shop.tenant_id, {"month": MONTH, "budget_usd": budget_usd, "spent_usd": spent_usd}


def decided_before(shop: Api) -> None:
    """Chosen while there was room, and refused when its cost is to be reserved."""
    asked: dict[str, Any] = {"tenant_id": shop.tenant_id, "request": Request(user_id="u0"), "now": datetime.now(UTC)}
    with tenant_context(shop.tenant_id):
        chosen = next(made for _ in range(50) if (made := decide(**asked)).chosen)
        spend(shop)
        carried = carry_out(tenant_id=shop.tenant_id, decided=chosen, dispatch=True)
    assert (carried.chosen, carried.action_id) == (None, None)


def asked_later(shop: Api, **fields: Any) -> None:
    spend(shop)
    recommend(shop, **fields)


def intervened(shop: Api) -> None:
    """The runner leaves an intervention as it is for which nothing is affordable now, and writes no decision."""
    spend(shop)
    plan(shop, "u0")
    run(shop, now=datetime.now(UTC))


@pytest.mark.parametrize(
    "refuse",
    [decided_before, asked_later, lambda shop: asked_later(shop, dispatch=True), intervened],
    ids=["reserving", "read", "read and dispatched", "intervention"],
)
def test_exhausted__wherever_it_is_refused__is_told_once(acme: Api, dear: Api, refuse: Callable[[Api], None]) -> None:
    refuse(dear)
    assert told(acme) == [event(dear)]

    recommend(dear, dispatch=True)
    recommend(dear)

    assert told(acme) == [event(dear)]


def test_exhausted__nothing_was_refused__is_not_told(acme: Api, dear: Api) -> None:
    recommend(dear, dispatch=True)

    assert told(acme) == []


def test_exhausted__by_an_action_dearer_than_all_of_it__is_told_with_nothing_spent(acme: Api, dear: Api) -> None:
    configure(dear, action_budget_usd=0.3)

    recommend(dear)

    assert told(acme) == [event(dear, "0.000000", "0.300000")]


@pytest.mark.parametrize("is_spent", [False, True])
def test_exhausted__twenty_at_once__are_one_event(acme: Api, dear: Api, server: Server, is_spent: bool) -> None:
    for n in range(20):
        dear.post("/api/customers", {"user_id": f"b{n}"})
    if is_spent:
        spend(dear)

    with ThreadPoolExecutor(20) as threads:
        bodies = [{"user_id": f"b{n}", "dispatch": True} for n in range(20)]
        answers = list(threads.map(lambda body: server.send(dear, "POST", RECOMMEND, body), bodies))

    assert {answer.status_code for answer in answers} == {200}
    assert told(acme) == [event(dear, "0.500000" if is_spent else "0.400000")]


def test_exhausted__in_another_month__is_told_again(acme: Api, dear: Api) -> None:
    asked_later(dear)
    as_owner("UPDATE decisions_budget SET month = month - interval '1 month'")

    asked_later(dear)

    assert told(acme) == [event(dear)] * 2


def test_exhausted__raised_and_exhausted_again__stays_told(acme: Api, dear: Api) -> None:
    asked_later(dear)
    configure(dear, action_budget_usd="0.60")
    recommend(dear)

    assert told(acme) == [event(dear)]


@pytest.mark.parametrize("mode", ["dry run", "shadow mode", "rolled back"])
def test_exhausted__of_what_is_not_done__is_not_told(acme: Api, dear: Api, mode: str) -> None:
    spend(dear)
    if mode == "dry run":
        recommend(dear, dry_run=True)
    elif mode == "shadow mode":
        assert dear.put("/api/settings/shadow-mode", {"active": True}).status_code == 200
        recommend(dear, dispatch=True)
    else:
        with tenant_context(dear.tenant_id):
            carry(dear)
            transaction.set_rollback(True)

    assert told(acme) == []
    assert ask(dear, "SELECT exhausted_at FROM decisions_budget") == [(None,)]


def carry(shop: Api) -> list[str]:
    """The statements of a decision, in the context of the shop, that write its budget or an event."""
    asked: dict[str, Any] = {"tenant_id": shop.tenant_id, "request": Request(user_id="u0"), "now": datetime.now(UTC)}
    seen: list[str] = []

    def watch(execute: Any, sql: Any, *rest: Any) -> Any:
        if "INSERT INTO decisions_budget" in str(sql) or "tenants_partnerevent" in str(sql):
            seen.append(str(sql))
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        carry_out(tenant_id=shop.tenant_id, decided=decide(**asked), dispatch=True)
    return seen


def test_exhausted__that_is_told__costs_no_more_statements(dear: Api) -> None:
    spend(dear)

    written = []
    for _ in range(3):
        with tenant_context(dear.tenant_id):
            written.append(len(carry(dear)))

    assert written == [2, 0, 0]

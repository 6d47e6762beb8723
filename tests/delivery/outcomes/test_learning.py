"""The model hears of an outcome in the same way, whoever reports it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from tests.conftest import Api
from tests.decisions.deciding import acted, example, must_act, outcome, settle, shop_of
from tests.delivery.cast import work
from tests.delivery.outcomes.reporting import path_of, report
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner

Way = Callable[[Api, Api, Receiver, str, str], None]


def by_key(acme: Api, shop: Api, inbox: Receiver, id: str, status: str) -> None:
    work()
    assert shop.post(f"/api/external/actions/{id}/outcome", {"status": status}).status_code == 200


def by_partner(acme: Api, shop: Api, inbox: Receiver, id: str, status: str) -> None:
    work()
    answer = acme.post("/api/partners/outcomes", {"outcomes": [{"action_id": id, "status": status}]})
    assert answer.json() == {"recorded": 1, "duplicates": 0, "rejected": []}


def by_url(acme: Api, shop: Api, inbox: Receiver, id: str, status: str) -> None:
    work()
    expires_at = datetime.now(UTC) + timedelta(days=3)
    assert report(path_of(tenant_id=shop.tenant_id, action_id=id, expires_at=expires_at), {"status": status}).json()


def by_answer(acme: Api, shop: Api, inbox: Receiver, id: str, status: str) -> None:
    inbox.answer = Answer(200, body=json.dumps({"outcome": {"status": status}}).encode())
    work()


@pytest.mark.parametrize("way", [by_key, by_partner, by_url, by_answer])
@pytest.mark.parametrize(
    ("status", "worth"), [("completed", 1.0), ("partial", 0.5), ("ignored", 0.0), ("rejected", 0.0)]
)
def test_outcome__by_any_way__is_an_example_of_the_same_worth_and_settles_the_decision(
    acme: Api, inbox: Receiver, way: Way, status: str, worth: float
) -> None:
    shop = shop_of(acme)
    must_act(shop)
    as_owner("UPDATE integrations_revisiontemplate SET delivery_webhook = %s", inbox.url)
    decided = acted(shop, dispatch=True)
    (kept,) = as_owner(
        "SELECT action, features FROM learning_remembereddecision WHERE decision_id = %s", decided["decision_id"]
    )

    way(acme, shop, inbox, decided["action_id"], status)

    assert example(shop, decided) == [(kept[0], worth, 0.0, None)]
    assert as_owner("SELECT features FROM learning_example WHERE decision_id = %s", decided["decision_id"]) == [
        (kept[1],)
    ]
    assert (outcome(shop, decided)["status"], outcome(shop, decided)["reward"]) == (status, worth)
    assert settle(shop)["costs"] >= 0
    connections["default"].close()


def test_outcomes__of_a_partners_batch_over_many_customers__are_each_heard_by_their_own_tenant(
    acme: Api, inbox: Receiver
) -> None:
    shops = [shop_of(acme, f"shop-{n}") for n in range(3)]
    for shop in shops:
        must_act(shop)
    as_owner("UPDATE integrations_revisiontemplate SET delivery_webhook = %s", inbox.url)
    decided = [(shop, acted(shop, f"u{n}", dispatch=True)) for n in range(2) for shop in shops]
    work()

    sent = [{"action_id": answer["action_id"], "status": "completed"} for _, answer in decided]
    assert acme.post("/api/partners/outcomes", {"outcomes": sent}).json()["recorded"] == 6

    for shop, answer in decided:
        assert [row[1] for row in example(shop, answer)] == [1.0]
    tenants: list[tuple[UUID, Any]] = as_owner(
        "SELECT DISTINCT tenant_id FROM learning_example WHERE decision_id = ANY(%s)",
        [answer["decision_id"] for _, answer in decided],
    )
    assert {tenant for (tenant, *_) in tenants} == {shop.tenant_id for shop in shops}

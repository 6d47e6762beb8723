"""PUT by an own id: made, changed, or left as it is; alone and beside others."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tenants.context import staff_context, tenant_context
from tenants.models import ApiKey, PartnerEvent, Tenant
from tests.conftest import Api, Server, database_url
from tests.delivery.worker.processes import wait_for
from tests.owner import as_owner
from tests.partners.customers.own_ids import PATH, path, put, told


def test_put__sixteen_at_once__is_one_customer_with_one_key(acme: Api, server: Server) -> None:
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(server.send, acme, "PUT", path("shop/1"), {"name": "Merchant"}) for _ in range(16)]
        answers = [each.result() for each in sent]

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    (made,) = [answer.json()["customer"] for answer in answers if answer.status_code == 201]
    assert {answer.json()["customer"]["tenant_id"] for answer in answers} == {made["tenant_id"]}
    assert all(answer.json()["changed"] == [] for answer in answers if answer.status_code == 200)
    with staff_context():
        assert Tenant.objects.filter(parent_id=acme.tenant_id).count() == 1
        assert ApiKey.objects.filter(tenant__parent_id=acme.tenant_id).count() == 1


def test_put__other_ids_of_one_name_at_once__have_slugs_of_their_own(acme: Api, server: Server) -> None:
    with ThreadPoolExecutor(24) as pool:
        sent = [pool.submit(server.send, acme, "PUT", path(str(n)), {"name": "Café Nord"}) for n in range(24)]
        assert {each.result().status_code for each in sent} == {201}

    slugs = {customer["slug"] for customer in acme.get(PATH).json()["customers"]}
    assert slugs == {"cafe-nord", *(f"cafe-nord-{n}" for n in range(2, 25))}


def test_put__equal_content__changes_nothing_and_tells_nobody(acme: Api) -> None:
    fields = {
        "slug": "merchant-abc",
        "plan_tier": "growth",
        "tracked_user_limit": 7,
        "metadata": {"region": "eu"},
        "config": {"overage": "allow", "theme": {"dark": True}},
    }
    put(acme, "shop-1", **fields)
    before, events = acme.get(path("shop-1")).json(), told(acme)

    for body in (fields, {}, {"metadata": {"region": "eu"}}):
        again = put(acme, "shop-1", **body)
        assert (again.status_code, again.json()["changed"]) == (200, [])
        assert again.json()["customer"] == before["customer"]

    assert told(acme) == events


# Each says the same in another way, or what PostgreSQL gives back otherwise: members in its order, numbers written out.
SAME = {
    "members in another order": ({"b": "1", "a": "2"}, {"a": "2", "b": "1"}),
    "members that are not in PostgreSQL's order": ({"region": "eu", "id": "7"}, {"region": "eu", "id": "7"}),
    "in a list": ([{"region": 1, "id": [{"b": 1, "a": 2}]}], [{"id": [{"a": 2, "b": 1}], "region": 1}]),
    "1e16": (1e16, 1e16),
    "the largest number": (sys.float_info.max, sys.float_info.max),
    "-0.0": (-0.0, -0.0),
    "a number with and without decimals": (1, 1.0),
    "a small number": (1e-300, 1e-300),
}


@pytest.mark.parametrize("name", SAME)
def test_change__to_what_is_there_already__changes_nothing_and_tells_nobody(acme: Api, name: str) -> None:
    first, again = SAME[name]
    made = put(acme, "shop-1", config={"x": first}).json()["customer"]
    merchant = Api(UUID(made["tenant_id"]), made["api_key"])
    merchant.patch("/api/settings", {"config": {"y": first}})
    before, events = acme.get(path("shop-1")).json()["customer"]["updated_at"], told(acme)

    answers = [
        put(acme, "shop-1", config={"x": again}),
        acme.patch(path("shop-1"), {"config": {"x": again}}),
        merchant.patch("/api/settings", {"config": {"y": again}}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json()["changed"] == []
    assert acme.get(path("shop-1")).json()["customer"]["updated_at"] == before
    assert told(acme) == events


@pytest.mark.parametrize(("first", "other"), [(1, True), (0, False), ("1", 1), (None, False), ([1, 2], [2, 1])])
def test_put__what_only_looks_equal__is_a_change(acme: Api, first: Any, other: Any) -> None:
    put(acme, "shop-1", config={"x": [first]})
    answer = put(acme, "shop-1", config={"x": [other]})
    assert answer.json()["changed"] == ["config.x"]
    assert answer.json()["customer"]["config"] == {"x": [other]}


def test_change__metadata_and_rate_limit_in_any_order__changes_nothing(acme: Api) -> None:
    metadata, rate_limit = {"region": "eu", "id": "7"}, {"seconds": 60, "requests": 10}
    put(acme, "shop-1", metadata=metadata)
    acme.patch(path("shop-1"), {"rate_limit": rate_limit})
    events = told(acme)

    for order in (sorted, lambda pairs: sorted(pairs, reverse=True)):
        assert put(acme, "shop-1", metadata=dict(order(metadata.items()))).json()["changed"] == []
        acme.patch(path("shop-1"), {"rate_limit": dict(order(rate_limit.items()))})

    assert told(acme) == events


def test_put__while_the_customer_gets_another_id__makes_one_of_this_id(acme: Api, server: Server) -> None:
    """What it found is called otherwise, or is gone, once its row is not locked any more."""
    made = put(acme, "shop-1").json()["customer"]["tenant_id"]
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url("owner")) as renaming:
        renaming.execute("UPDATE tenants_tenant SET external_id = 'shop-2' WHERE id = %s", [made])
        sent = pool.submit(server.send, acme, "PUT", path("shop-1"), {"name": "Another"})
        wait_for(lambda: as_owner(_WAITS) != [(0,)])
        renaming.commit()
        answer = sent.result()

    assert (answer.status_code, answer.json()["customer"]["external_id"]) == (201, "shop-1")
    assert acme.get(path("shop-2")).json()["customer"]["name"] == "Merchant ABC"


_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def test_put__other_content__changes_what_differs(acme: Api) -> None:
    put(acme, "shop-1", metadata={"region": "eu", "old": "1"}, config={"theme": "dark"})
    before = acme.get(path("shop-1")).json()["customer"]

    answer = put(acme, "shop-1", plan_tier="scale", metadata={"region": "us"}, config={"overage": "allow"})

    assert answer.json()["changed"] == ["config.overage", "metadata", "plan_tier"]
    customer = answer.json()["customer"]
    assert (customer["metadata"], customer["plan_tier"]) == ({"region": "us"}, "scale")
    assert customer["config"] == {"theme": "dark", "overage": "allow"}
    assert customer["updated_at"] > before["updated_at"]
    assert "api_key" not in customer
    with tenant_context(acme.tenant_id):
        event = PartnerEvent.objects.order_by("-seq")[0]
    assert (event.type, event.data, event.external_id) == (
        "customer.updated",
        {"changed": ["config.overage", "metadata", "plan_tier"]},
        "shop-1",
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"name": "M", "external_id": "other"}, 400, "validation_failed"),
        ({"name": "M", "slug": "taken"}, 409, "slug_taken"),
        ({"name": "M", "metadata": {"a": 1}}, 400, "validation_failed"),
        ({"name": "M", "metadata": {"a": None}}, 400, "validation_failed"),
        ({"name": "M", "metadata": {"": "x"}}, 400, "validation_failed"),
        ({"name": "M", "metadata": {"k" * 41: "x"}}, 400, "validation_failed"),
        ({"name": "M", "metadata": {"a": "x" * 501}}, 400, "validation_failed"),
        ({"name": "M", "metadata": {str(n): "x" for n in range(51)}}, 400, "validation_failed"),
        ({"name": "M", "metadata": []}, 400, "validation_failed"),
    ],
)
def test_put__what_is_not_valid__is_refused_whole(acme: Api, body: Any, status: int, code: str) -> None:
    acme.provision("taken")
    before = told(acme)

    answer = acme.put(path("shop-1"), body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert acme.get(path("shop-1")).status_code == 404
    assert told(acme) == before


def test_put__another_slug_than_it_has__is_409_and_changes_nothing(acme: Api) -> None:
    put(acme, "shop-1", slug="merchant-abc")

    answer = acme.put(path("shop-1"), {"name": "Renamed", "slug": "other"})

    assert (answer.status_code, answer.json()["code"]) == (409, "slug_fixed")
    assert acme.get(path("shop-1")).json()["customer"]["name"] == "Merchant ABC"


def test_put__by_a_tenants_id__is_404(acme: Api, merchant: Api) -> None:
    assert acme.put(f"{PATH}/{merchant.tenant_id}", {"name": "M"}).status_code == 404

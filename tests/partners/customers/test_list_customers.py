from typing import Any

import pytest

from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant, TenantRole
from tests.buffers import reads
from tests.conftest import Api
from tests.owner import as_owner

PATH = "/api/partners/customers"


def slugs(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [customer["slug"] for customer in response.json()["customers"]]


def test_list__no_customers__is_empty(acme: Api) -> None:
    assert acme.get(PATH).json() == {"customers": [], "total": 0, "next_cursor": None}


def test_list__of_many__reads_a_page_and_each_customer_once_for_the_total(acme: Api) -> None:
    as_owner(
        "INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config,"
        " parent_id) SELECT gen_random_uuid(), 'Name ' || n, 'slug-' || n, 'customer', 'starter', 'active', 10, '{}',"
        " %s FROM generate_series(1, 3000) n",
        acme.tenant_id,
    )
    as_owner("ANALYZE tenants_tenant")
    acme.get("/api/settings")  # a key's first request also asks whose customer its tenant is

    for query in ({}, {"q": "nobody"}, {"q": "n"}, {"plan_tier": "custom"}, {"plan_status": "active"}):
        with reads() as read:
            assert acme.get(PATH, {"limit": 10, **query}).status_code == 200
        assert sum(each.rows for each in read if "tenants_tenant t" in each.sql) <= 3001 + 11, query


def test_list__some_customers__answers_the_contracts_fields_in_order(acme: Api) -> None:
    first = acme.provision("first", plan_tier="growth", tracked_user_limit=5000)
    acme.provision("second")

    body = acme.get(PATH).json()

    assert body["total"] == 2
    times = [body["customers"][0].pop(name) for name in ("created_at", "updated_at")]
    assert all(time.endswith("Z") for time in times)
    assert body["customers"][0] == {
        "tenant_id": str(first.tenant_id),
        "external_id": None,
        "metadata": {},
        "name": "First",
        "slug": "first",
        "plan_tier": "growth",
        "plan_status": "active",
        "tracked_user_limit": 5000,
        "delete_at": None,
    }
    assert body["customers"][1]["slug"] == "second"


def test_list__anothers_customers__are_not_in_it(acme: Api, rival: Api) -> None:
    rival.provision("theirs")
    acme.provision("ours")

    assert slugs(acme.get(PATH)) == ["ours"]


def test_list__filters__hold_together_and_total_counts_them(acme: Api) -> None:
    acme.provision("alpha-one", name="Alpha 100%", plan_tier="growth")
    acme.provision("alpha-two", name="ALPHA two", plan_tier="scale")
    beta = acme.provision("beta", plan_tier="growth")
    with staff_context():
        Tenant.objects.filter(id=beta.tenant_id).update(plan_status=PlanStatus.SUSPENDED)

    assert slugs(acme.get(PATH, {"plan_tier": "growth"})) == ["alpha-one", "beta"]
    assert slugs(acme.get(PATH, {"plan_status": "suspended"})) == ["beta"]
    assert slugs(acme.get(PATH, {"slug": "alpha-two"})) == ["alpha-two"]
    assert slugs(acme.get(PATH, {"q": "alpha"})) == ["alpha-one", "alpha-two"]
    assert slugs(acme.get(PATH, {"q": "0%"})) == ["alpha-one"]
    assert slugs(acme.get(PATH, {"q": "alpha", "plan_tier": "scale"})) == ["alpha-two"]
    assert acme.get(PATH, {"plan_tier": "growth", "limit": 1}).json()["total"] == 2


def test_list__pages__hold_every_customer_once(acme: Api) -> None:
    expected = [f"m-{number}" for number in range(7)]
    for slug in expected:
        acme.provision(slug)

    seen, query = [], {"limit": 3}
    while True:
        response = acme.get(PATH, query)
        seen.append(slugs(response))
        assert response.json()["total"] == 7
        if response.json()["next_cursor"] is None:
            break
        query = {"limit": 3, "cursor": response.json()["next_cursor"]}

    assert seen == [expected[:3], expected[3:6], expected[6:]]


def test_list__same_created_at__pages_do_not_skip(acme: Api) -> None:
    for number in range(5):
        acme.provision(f"m-{number}")
    with staff_context():
        tenants = Tenant.objects.filter(parent=acme.tenant_id)
        tenants.update(created_at=tenants[0].created_at)

    first = acme.get(PATH, {"limit": 2})
    rest = acme.get(PATH, {"cursor": first.json()["next_cursor"]})

    assert len({*slugs(first), *slugs(rest)}) == 5


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"limit": "0"}, "/limit", "min_value"),
        ({"limit": "1001"}, "/limit", "max_value"),
        ({"limit": "many"}, "/limit", "invalid"),
        ({"cursor": "rubbish"}, "/cursor", "invalid_cursor"),
        ({"cursor": "MjAyNg=="}, "/cursor", "invalid_cursor"),
        ({"plan_tier": "gold"}, "/plan_tier", "invalid_choice"),
        ({"plan_status": "paused"}, "/plan_status", "invalid_choice"),
        ({"q": "a\0b"}, "/q", "null_characters_not_allowed"),
        ({"plan_teir": "growth"}, "/plan_teir", "unknown_field"),
    ],
)
def test_list__bad_query__is_400_and_names_the_parameter(
    acme: Api, query: dict[str, str], pointer: str, code: str
) -> None:
    response = acme.get(PATH, query)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


@pytest.mark.parametrize("path", [PATH, "/api/partners/stats"])
def test_list__ten_thousand_customers__takes_a_constant_number_of_statements(
    acme: Api, statements: list[str], path: str
) -> None:
    with staff_context():
        Tenant.objects.bulk_create(
            (
                Tenant(name=f"M {n}", slug=f"m-{n}", tenant_role=TenantRole.CUSTOMER, parent_id=acme.tenant_id)
                for n in range(10_000)
            ),
            batch_size=1000,
        )
    statements.clear()

    response = acme.get(path)

    assert len(response.json()["customers"]) == 10_000
    assert len(statements) <= 3

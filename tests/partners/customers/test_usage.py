"""What a partner learns of its customers' use: numbers alone."""

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from django.db import connection

from events import metering
from partners.customers import listing
from partners.overview import services
from tenants.context import tenant_context
from tests.conftest import Api
from tests.owner import as_owner

STATS = "/api/partners/stats"
MONTH = metering.THIS_MONTH


def use(api: Api, *users: str) -> None:
    response = api.post("/api/track", {"events": [{"user_id": user, "event": "e"} for user in users]})
    assert response.json()["accepted"] == len(users)


def told(api: Api, customers: list[Any] | None = None) -> list[Any]:
    """What the function tells under the tenant's context: (tenant, active users, events)."""
    with tenant_context(api.tenant_id):
        return ask(customers)


def ask(customers: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM usage_of_customers({MONTH}, %s::uuid[]) ORDER BY 2", [customers])
        return list(cursor.fetchall())


def told_of_one(api: Api, customer: Any) -> Any:
    with tenant_context(api.tenant_id):
        return ask_of_one(customer)


def ask_of_one(customer: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM usage_of_customer({MONTH}, %s)", [customer])
        return cursor.fetchone()


def by_name(body: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {c["name"]: (c["usage"]["active_users"], c["usage"]["events"]) for c in body["customers"]}


def test_stats__customers_in_use__are_told_each_and_together(acme: Api, rival: Api) -> None:
    one, two = acme.provision("one", plan_tier="growth"), acme.provision("two")
    acme.provision("idle")
    use(one, "a", "b", "a")
    use(two, "a")
    use(acme, "x")
    use(rival.provision("theirs"), "y", "z")

    body = acme.get(STATS).json()

    ((month,),) = as_owner(f"SELECT to_char({MONTH}, 'YYYY-MM')")
    assert body["customers"][0]["usage"] == {"month": month, "active_users": 2, "limit": 1000, "events": 3}
    assert by_name(body) == {"One": (2, 3), "Two": (1, 1), "Idle": (0, 0)}
    assert body["usage"] == {"month": month, "active_users": 3, "events": 4}
    page = acme.get(STATS, {"limit": 1}).json()
    assert (by_name(page), page["usage"]) == ({"One": (2, 3)}, body["usage"])
    rest = acme.get(STATS, {"limit": 2, "cursor": page["next_cursor"]}).json()
    assert (by_name(rest), rest["usage"]) == ({"Two": (1, 1), "Idle": (0, 0)}, body["usage"])
    growing = acme.get(STATS, {"plan_tier": "growth", "limit": 1}).json()
    assert growing["usage"] == {"month": month, "active_users": 2, "events": 3}


def test_list__customers_in_use__stays_lean(acme: Api, merchant: Api) -> None:
    (listed,) = acme.get("/api/partners/customers").json()["customers"]

    assert "usage" not in listed


def test_usage__of_another_month__is_not_counted(acme: Api, merchant: Api) -> None:
    as_owner(
        "INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)"
        " VALUES (%s, '2026-01-01', 0, 5, 5)",
        merchant.tenant_id,
    )

    assert merchant.get("/api/settings").json()["usage"]["events"] == 0
    assert by_name(acme.get(STATS).json()) == {"Merchant": (0, 0)}


def test_month__on_a_host_whose_clock_is_ahead__is_the_databases_for_all(
    acme: Api, rival: Api, merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(days=40)

    use(merchant, "a")
    for module in (metering, listing, services):
        monkeypatch.setattr(module, "datetime", Ahead, raising=False)
    one = f"/api/partners/customers/{merchant.tenant_id}"

    own = merchant.get("/api/settings").json()["usage"]

    assert own["events"] == 1
    assert acme.get(one).json()["customer"]["usage"] == own
    assert acme.patch(one, {"name": "New"}).json()["customer"]["usage"] == own
    stats = acme.get(STATS).json()
    assert stats["customers"][0]["usage"] == own
    assert stats["usage"] == {"month": own["month"], "active_users": 1, "events": 1}
    nobodys = {"month": own["month"], "active_users": 0, "events": 0}
    without = rival.get(STATS).json()
    assert (without["usage"], without["customers"], without["next_cursor"]) == (nobodys, [], None)


# --- Isolation ------------------------------------------------------------------------------------------------------


def test_function__under_a_partners_context__tells_of_its_customers_alone(acme: Api, rival: Api, merchant: Api) -> None:
    theirs = rival.provision("theirs")
    for api, users in ((acme, "a"), (rival, "ab"), (merchant, "abc"), (theirs, "abcd")):
        use(api, *users)
    everyone = [acme.tenant_id, rival.tenant_id, merchant.tenant_id, theirs.tenant_id]

    assert told(acme) == told(acme, everyone) == [(merchant.tenant_id, 3, 3)]
    assert told(rival) == told(rival, everyone) == [(theirs.tenant_id, 4, 4)]
    assert told(acme, [theirs.tenant_id]) == told(acme, []) == []
    assert [told_of_one(acme, id) for id in everyone] == [(0, 0), (0, 0), (3, 3), (0, 0)]


def test_function__under_a_customers_context_or_none__tells_nothing(acme: Api, merchant: Api) -> None:
    use(merchant, "a")
    use(acme.provision("other"), "a")

    assert told(merchant) == told(merchant, [merchant.tenant_id]) == []
    assert ask() == ask([merchant.tenant_id]) == []
    assert told_of_one(merchant, merchant.tenant_id) == ask_of_one(merchant.tenant_id) == (0, 0)


def test_raw_sql__a_partner__reads_no_row_behind_the_numbers(acme: Api, merchant: Api) -> None:
    use(merchant, "a", "b")

    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        for table in ("event", "storedkey", "trackeduser", "monthlyactivity", "monthlyusage"):
            cursor.execute(f"SELECT count(*) FROM events_{table}")
            assert cursor.fetchone() == (0,), table
    assert told(acme) == [(merchant.tenant_id, 2, 2)]


@pytest.mark.parametrize("role", ["app_staff", "app_auth"])
@pytest.mark.parametrize("function", ["usage_of_customers(date, uuid[])", "usage_of_customer(date, uuid)"])
def test_function__other_roles__may_not_call_it(role: str, function: str) -> None:
    assert as_owner("SELECT has_function_privilege(%s, %s, 'EXECUTE')", role, function)[0] == (False,)


# --- Ten thousand ---------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(acme: Api) -> Api:
    """acme with ten thousand customers, each with use."""
    as_owner(
        "INSERT INTO tenants_tenant (id, name, slug, tenant_role, parent_id, plan_tier, plan_status,"
        " tracked_user_limit, config) SELECT gen_random_uuid(), 'M ' || n, 'm-' || n, 'customer', %s, 'starter',"
        " 'active', 1000, '{}' FROM generate_series(1, 10000) n",
        acme.tenant_id,
    )
    as_owner(
        "INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)"
        f" SELECT id, {MONTH}, shard, 10 * shard, CASE shard WHEN 0 THEN 5 ELSE 0 END"
        " FROM tenants_tenant, generate_series(0, 3) shard WHERE parent_id IS NOT NULL"
    )
    return acme


def test_stats__ten_thousand_customers__cost_as_many_statements_as_one(crowd: Api, statements: list[str]) -> None:
    crowd.get(STATS)  # spends the minute's last_used_at
    statements.clear()

    body = crowd.get(STATS).json()
    everything = len(statements)
    page = crowd.get(STATS, {"limit": 50}).json()

    assert (len(body["customers"]), body["usage"]["active_users"], body["usage"]["events"]) == (10000, 50000, 600000)
    assert (len(page["customers"]), page["usage"]) == (50, body["usage"])
    look_up = lift = 1
    assert (everything, len(statements) - everything) == (look_up + 1 + lift, look_up + 2 + lift)


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("limit", [None, 50])
def test_stats__ten_thousand_customers__call_the_function_once(crowd: Api, limit: int | None, analyzed: bool) -> None:
    if analyzed:
        as_owner("ANALYZE tenants_tenant, events_monthlyusage")
    asked = {"partner_id": crowd.tenant_id, "limit": limit, "month": None}
    everyone = listing.CustomerFilter()

    for sql in (services._used(everyone, listing.Page(limit=limit)), services._totals(everyone)):
        assert calls(crowd, sql, asked) == 1


def calls(api: Api, sql: str, parameters: dict[str, Any]) -> int:
    """How often a statement ran the function, by the server's own count."""
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return _loops(plan["Plan"])


def _loops(node: dict[str, Any]) -> int:
    own = node["Actual Loops"] if node.get("Function Name") == "usage_of_customers" else 0
    return int(own) + sum(_loops(child) for child in node.get("Plans", []))

"""A partner hears of each threshold and of each closed month once, whoever looks and whatever is killed."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, connections, transaction
from jsonschema import Draft202012Validator

from decisions.upkeep.counting import count_tenant
from events.usage import alerts
from tenants import catalogue
from tenants.context import tenant_context
from tenants.upkeep import rounds
from tests.conftest import Api
from tests.decisions.cast import ask
from tests.events.cast import event, track
from tests.owner import as_owner

PATH = "/api/partners/usage-alerts"
MONTH = f"{datetime.now(UTC):%Y-%m}"


def told(partner: Api, kind: str = "usage.threshold_reached") -> list[Any]:
    """The customers and data of what the partner was told, in order."""
    sql = "SELECT customer_id, data::text::jsonb FROM tenants_partnerevent WHERE type = %(kind)s ORDER BY seq"
    found = ask(partner, sql, kind=kind)
    for _, data in found:
        Draft202012Validator(catalogue.EVENTS[kind].data).validate(_json(data))
    return [(customer, _json(data)) for customer, data in found]


def _json(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str) else data


def wants(partner: Api, metric: str = "active_users", scope: str = "each_customer", **fields: Any) -> None:
    body = {"metric": metric, "scope": scope, "thresholds": [75, 90, 100, 120], **fields}
    assert partner.put(PATH, body).status_code == 200


def uses(shop: Api, users: int, events: int = 1) -> None:
    as_owner('UPDATE tenants_tenant SET config = \'{"overage": "allow"}\' WHERE id = %s', shop.tenant_id)
    track(shop, *(event(f"u{n}") for n in range(users) for _ in range(events)))
    count_tenant(shop.tenant_id)


@pytest.fixture
def shop(acme: Api) -> Api:
    return acme.provision("shop", tracked_user_limit=10)


def test_threshold__that_is_reached__is_told_once(acme: Api, shop: Api) -> None:
    wants(acme)
    assert acme.tenant_id in rounds.ask(alerts.TO_WATCH)
    uses(shop, 7)
    alerts.watch(acme.tenant_id)
    assert told(acme) == []

    uses(shop, 9)
    for _ in range(3):
        alerts.watch(acme.tenant_id)

    about = {"month": MONTH, "metric": "active_users", "scope": "each_customer", "used": 9, "limit": 10}
    assert told(acme) == [(shop.tenant_id, {**about, "threshold": each}) for each in (75, 90)]
    uses(shop, 12)
    alerts.watch(acme.tenant_id)
    assert [data["threshold"] for _, data in told(acme)] == [75, 90, 100, 120]


def test_threshold__of_all_customers_together__is_told_of_the_partner(acme: Api, shop: Api) -> None:
    other = acme.provision("other", tracked_user_limit=30)
    wants(acme, scope="fleet", thresholds=[50])
    uses(shop, 10)
    alerts.watch(acme.tenant_id)
    assert told(acme) == []

    uses(other, 10)
    alerts.watch(acme.tenant_id)

    ((customer, data),) = told(acme)
    assert customer is None
    assert (data["scope"], data["used"], data["limit"]) == ("fleet", 20, 40)


def test_threshold__of_all_customers_together__counts_those_whose_month_is_closed(acme: Api, shop: Api) -> None:
    other = acme.provision("other", tracked_user_limit=90)
    wants(acme, scope="fleet", thresholds=[50])
    uses(shop, 9)
    uses(other, 10)
    as_owner("UPDATE events_usage SET closed_at = now() WHERE tenant_id = %s", other.tenant_id)

    alerts.watch(acme.tenant_id)

    assert told(acme) == []  # 19 of 100, and not 9 of 10


def test_threshold__of_a_limit_that_is_given__needs_no_plans(acme: Api, shop: Api) -> None:
    wants(acme, "events", thresholds=[100], limit=6)
    wants(acme, "decisions", "fleet", thresholds=[1], limit=5)
    uses(shop, 3, events=2)
    alerts.watch(acme.tenant_id)

    assert [(data["metric"], data["used"], data["limit"]) for _, data in told(acme)] == [("events", 6, 6)]


def test_threshold__of_a_limit_that_is_lowered__is_reached_without_further_use(acme: Api, shop: Api) -> None:
    wants(acme, thresholds=[100])
    uses(shop, 5)
    alerts.watch(acme.tenant_id)
    assert acme.patch(f"/api/partners/customers/{shop.tenant_id}", {"tracked_user_limit": 5}).status_code == 200

    alerts.watch(acme.tenant_id)

    assert len(told(acme)) == 1


def test_thresholds__looked_at_by_six_at_once__are_told_once_each(acme: Api) -> None:
    shops = [acme.provision(f"shop-{n}", tracked_user_limit=2) for n in range(4)]
    wants(acme, thresholds=[25, 50, 100])
    for shop in shops:
        uses(shop, 2)

    def look(_: int) -> None:
        try:
            alerts._reach(acme.tenant_id, batch=5)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(look, range(12)))
    alerts.watch(acme.tenant_id)  # who was told of the same by another took no more

    found = [(customer, data["threshold"]) for customer, data in told(acme)]
    assert sorted(found) == sorted((shop.tenant_id, each) for shop in shops for each in (25, 50, 100))
    numbers = [seq for (seq,) in ask(acme, "SELECT seq FROM tenants_partnerevent ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_threshold__noted_by_a_worker_that_is_killed__is_told_by_the_next(acme: Api, shop: Api) -> None:
    wants(acme, thresholds=[10])
    uses(shop, 2)
    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM reach_thresholds(9)")
        assert len(cursor.fetchall()) == 1
        transaction.set_rollback(True)

    alerts.watch(acme.tenant_id)

    assert len(told(acme)) == 1


def test_threshold__of_another_partners_customer__is_not_its_business(acme: Api, rival: Api, shop: Api) -> None:
    wants(rival)
    uses(shop, 12)
    alerts.watch(rival.tenant_id)
    alerts.watch(acme.tenant_id)

    assert told(rival) == told(acme) == []
    assert as_owner("SELECT FROM events_reachedthreshold") == []


def test_reached__in_sql__is_written_by_the_function_alone(acme: Api, shop: Api) -> None:
    for sql in ("INSERT INTO events_reachedthreshold DEFAULT VALUES", "DELETE FROM events_reachedthreshold"):
        with pytest.raises(ProgrammingError, match="permission denied"), tenant_context(acme.tenant_id):
            connection.cursor().execute(sql)


# --- Months ---------------------------------------------------------------------------------------------------------


def month_before() -> date:
    return (datetime.now(UTC).date() - timedelta(days=3)).replace(day=1) - timedelta(days=1)


def over(*apis: Api) -> None:
    """As if what was used this month had been used in the last that may be closed, and nothing were closed since."""
    month = month_before().replace(day=1)
    as_owner("UPDATE events_monthlyusage SET month = %s", month)
    for api in apis:
        as_owner(
            "INSERT INTO events_usagecount (tenant_id, closed_through, announced_through) VALUES (%(t)s, %(m)s, %(m)s)"
            " ON CONFLICT (tenant_id) DO UPDATE"
            " SET closed_through = %(m)s, announced_through = %(m)s, counted_at = NULL",
            t=api.tenant_id,
            m=month,
        )


def test_month__closed_for_all_customers__is_told_once(acme: Api, shop: Api) -> None:
    other = acme.provision("other")
    for api in (shop, other):
        track(api, event("u1"), event("u2"))
    over(acme, shop, other)
    count_tenant(shop.tenant_id)
    alerts.watch(acme.tenant_id)
    assert told(acme, "usage.month_closed") == []

    for api in (other, acme):
        count_tenant(api.tenant_id)
    assert acme.tenant_id in rounds.ask(alerts.TO_WATCH)
    for _ in range(2):
        alerts.watch(acme.tenant_id)

    ((customer, data),) = told(acme, "usage.month_closed")
    assert customer is None
    assert (data["month"], data["customers"]) == (f"{month_before():%Y-%m}", 2)
    assert (data["active_users"], data["events"]) == (4, 4)
    assert rounds.ask(alerts.TO_WATCH) == []


def test_month__of_a_partner_without_customers__is_not_told(acme: Api) -> None:
    over(acme)
    alerts.watch(acme.tenant_id)

    assert told(acme, "usage.month_closed") == []
    assert rounds.ask(alerts.TO_WATCH) == []

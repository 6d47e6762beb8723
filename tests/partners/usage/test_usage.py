"""GET /api/partners/usage: pages, streams and filters; another's is nobody's."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from decisions.upkeep.counting import count_tenant
from events.usage import reading
from tests.buffers import reads
from tests.conftest import Api
from tests.decisions.upkeep.test_counting import imported, of_before
from tests.events.cast import event, track
from tests.owner import as_owner

PATH = "/api/partners/usage"
NOW = datetime.now(UTC)
NUMBERS = ["active_users", "events", "decisions", "actions_delivered", "outcomes", "action_cost_usd"]


@pytest.fixture
def shops(acme: Api) -> list[Api]:
    """Two customers with use in August, closed, and in this month; the first with a correction of August."""
    shops = [acme.provision(f"shop-{n}") for n in range(2)]
    for shop in shops:
        imported(shop, "2026-08-03", "2026-08-30")
        of_before(shop)
        count_tenant(shop.tenant_id)
        track(shop, event("u0"), event("u1"))
    imported(shops[0], "2026-08-04")
    for shop in shops:
        count_tenant(shop.tenant_id)
    return shops


def used(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(PATH, query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["usage"]
    return found


def brief(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["period"], row["events"], row["final"], row["corrected_on"]) for row in rows]


def test_usage__this_month__by_default(acme: Api, shops: list[Api]) -> None:
    answer = acme.get(PATH).json()

    assert [row["tenant_id"] for row in answer["usage"]] == [str(shop.tenant_id) for shop in shops]
    assert brief(answer["usage"]) == [(f"{NOW:%Y-%m}", 2, False, None)] * 2
    assert (answer["total"], answer["next_cursor"]) == (2, None)
    assert [answer["usage"][0][name] for name in NUMBERS] == [2, 2, 0, 0, 0, "0.000000"]


def test_usage__by_month_of_a_day__is_of_the_days_month(acme: Api, shops: list[Api]) -> None:
    by_days, by_months = {"from": "2026-08-30", "to": "2026-08-01"}, {"from": "2026-08", "to": "2026-08"}

    assert used(acme, **by_days) == used(acme, **by_months)


def test_usage__of_a_month_that_is_closed__is_final_with_corrections_beside(acme: Api, shops: list[Api]) -> None:
    rows = used(acme, **{"from": "2026-08", "to": "2026-08"})

    today = f"{NOW:%Y-%m-%d}"
    assert brief(rows) == [
        ("2026-08", 2, True, None),
        ("2026-08", 1, False, today),
        ("2026-08", 2, True, None),
    ]


def test_usage__by_day__adds_up_to_the_months(acme: Api, shops: list[Api]) -> None:
    months, days = (used(acme, granularity=each, **{"from": "2026-01"}) for each in ("month", "day"))

    for name in ("active_users", "events"):
        assert sum(row[name] for row in months) == sum(row[name] for row in days)
    assert {len(row["period"]) for row in days} == {10}
    assert used(acme, granularity="day", **{"from": "2026-09-01", "to": "2026-09-30"}) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("granularity", ["month", "day"])
def test_usage__page_by_page__is_the_whole(acme: Api, shops: list[Api], limit: int, granularity: str) -> None:
    query = {"from": "2026-01", "granularity": granularity}
    whole = used(acme, **query)
    paged, cursor = [], None
    while True:
        page = acme.get(PATH, {**query, "limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        assert page["total"] == len(whole)
        paged += page["usage"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert paged == whole


@pytest.mark.parametrize("batch", [1, 1000])
def test_usage__streamed__is_the_same(acme: Api, shops: list[Api], batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", batch)
    query = {"from": "2026-01", "metrics": "events,active_users"}
    whole = used(acme, **query)

    lines = acme.get(PATH, query, Accept="application/x-ndjson")
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in b"".join(lines.streaming_content).splitlines()] == whole
    table = acme.get(PATH, query, Accept="text/csv")
    assert table.headers["Content-Type"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(b"".join(table.streaming_content).decode())))
    assert [row["events"] for row in rows] == [str(row["events"]) for row in whole]
    assert list(rows[0]) == [
        "tenant_id",
        "external_id",
        "period",
        "corrected_on",
        "final",
        "counted_at",
        "active_users",
        "events",
    ]


def test_usage__of_one_customer__by_either_id(acme: Api, rival: Api, shops: list[Api]) -> None:
    as_owner("UPDATE tenants_tenant SET external_id = '=m/1 ü' WHERE id = %s", shops[1].tenant_id)

    by_id = used(acme, customer_id=str(shops[1].tenant_id))
    assert [row["external_id"] for row in by_id] == ["=m/1 ü"]
    assert used(acme, customer_id="ext:=m/1 ü") == by_id
    table = acme.get(PATH, {"customer_id": "ext:=m/1 ü"}, Accept="text/csv")
    assert "'=m/1 ü" in b"".join(table.streaming_content).decode()
    for reference in (str(shops[1].tenant_id), "ext:=m/1 ü", "ext:nobody"):
        assert rival.get(PATH, {"customer_id": reference}).status_code == 404
    assert used(rival) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-13"}, "/from"),
        ({"from": "2026-02-30"}, "/from"),
        ({"from": "2026-11", "to": "2026-10"}, "/to"),
        ({"to": "９999-01"}, "/to"),
        ({"granularity": "hour"}, "/granularity"),
        ({"metrics": "events,logins"}, "/metrics"),
        ({"metrics": ""}, "/metrics"),
        ({"customer_id": "shop"}, "/customer_id"),
        ({"cursor": "MjAyNi0wMS0wMSB4"}, "/cursor"),
        ({"limit": "0"}, "/limit"),
        ({"month": "2026-11"}, "/month"),
    ],
)
def test_usage__asked_wrongly__names_what(acme: Api, query: dict[str, str], pointer: str) -> None:
    answer = acme.get(PATH, query)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("month", ["0001-01", "9999-12"])
def test_usage__at_the_ends_of_time__is_nothing(acme: Api, month: str) -> None:
    assert used(acme, **{"from": month, "to": month}) == []


def test_usage__with_a_customers_key__is_refused(merchant: Api) -> None:
    assert merchant.get(PATH).status_code == 403


def test_usage__of_many_customers__is_counted_up_to_10_000(acme: Api) -> None:
    """100,000 customers have millions of rows in two years. What is read for a page does not grow with them."""
    populate(acme, customers=600, months=24)

    with reads() as read:
        answer = acme.get(PATH, {"from": "2024-01", "limit": 50})

    body = answer.json()
    assert (len(body["usage"]), body["total"], body["total_is_exact"]) == (50, 10_000, False)
    (total,) = [each for each in read if "usage_periods" in each.sql]
    assert total.buffers < 12_500  # all 14,400 rows would be 16,000
    assert acme.get(PATH, {"from": "2024-01", "to": "2024-02"}).json()["total_is_exact"] is True


def populate(partner: Api, *, customers: int, months: int) -> None:
    as_owner(
        """
        WITH made AS (
            INSERT INTO tenants_tenant (id, name, slug, tenant_role, parent_id, plan_tier, plan_status,
                tracked_user_limit, config, config_by_partner, metadata)
            SELECT gen_random_uuid(), 'Shop ' || n, 'shop-' || n, 'customer', %(partner)s, 'growth', 'active', 1000,
                '{}', '{}', '{}' FROM generate_series(1, %(customers)s) n
            RETURNING id
        )
        INSERT INTO events_usage (tenant_id, unit, starts_on, correction, active_users, events, decisions,
            actions_delivered, outcomes, action_cost_usd, counted_at)
        SELECT id, 'month', ('2024-01-01'::date + make_interval(months => m))::date, 0, 1, 1, 0, 0, 0, 0, now()
        FROM made, generate_series(0, %(months)s - 1) m
        """,
        partner=partner.tenant_id,
        customers=customers,
        months=months,
    )

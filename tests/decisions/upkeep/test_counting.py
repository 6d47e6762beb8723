"""Usage by day and month: each thing counted once, days that add up, months that close and stay as they are."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, connections, transaction

from decisions.upkeep import counting, waiting
from events.models import UsageMetric
from events.usage.counting import METRICS
from tenants.context import staff_context, tenant_context
from tenants.upkeep import rounds
from tests.conftest import Api
from tests.decisions.cast import ask
from tests.decisions.deciding import acted, must_act, recommend, settle, shop_of
from tests.events.cast import event, track
from tests.owner import as_owner, wait_for_commits

SEGMENT = "/api/connectors/segment"


@pytest.fixture
def shop(acme: Api) -> Api:
    return shop_of(acme)


def used(api: Api, unit: str = "month") -> list[dict[str, Any]]:
    """The rows of a tenant, without zeros."""
    names = ["starts_on", "correction", *METRICS]
    found = ask(
        api,
        f"SELECT {', '.join(names)} FROM events_usage WHERE unit = %(unit)s ORDER BY starts_on, correction",
        unit=unit,
    )
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return [{name: value for name, value in row.items() if value or name == "starts_on"} for row in rows]


def totals(api: Api, unit: str) -> dict[tuple[str, bool], Any]:
    """By the month and whether it is a correction."""
    sums = ", ".join(f"sum({name})" for name in METRICS)
    sql = f"SELECT date_trunc('month', starts_on)::date, correction, {sums} FROM events_usage WHERE unit = %(unit)s"
    return {(str(month), number): row for month, number, *row in ask(api, f"{sql} GROUP BY 1, 2", unit=unit)}


def counted(api: Api, **options: Any) -> None:
    wait_for_commits()
    counting.count_tenant(api.tenant_id, **options)


def imported(api: Api, *days: str, user: str = "u0") -> None:
    sent = [{"type": "track", "event": "bought", "userId": user, "timestamp": f"{day}T10:00:00Z"} for day in days]
    assert api.post(SEGMENT, {"batch": sent}).status_code == 200


def of_before(api: Api) -> None:
    """As a tenant of which nothing is counted or closed yet, from before there was usage."""
    as_owner("DELETE FROM events_usagecount WHERE tenant_id = %s", api.tenant_id)
    as_owner(
        "INSERT INTO events_usagecount VALUES (%s, NULL, '0001-01-01', '2026-01-01', 0)".replace(
            "events_usagecount VALUES",
            "events_usagecount (tenant_id, counted_at, closed_through, announced_through, decisions_position) VALUES",
        ),
        api.tenant_id,
    )


def today() -> date:
    return datetime.now(UTC).date()


def deliver(api: Api) -> None:
    ask(
        api,
        "UPDATE delivery_action SET status = 'delivered', attempts = 1, delivered_at = now()"
        " WHERE status IN ('pending', 'dispatched')",
    )


# --- What is counted ------------------------------------------------------------------------------------------------


def test_count__all_kinds_of_use__are_counted_once(shop: Api) -> None:
    as_owner("UPDATE integrations_actiontype SET estimated_cost_usd = 0.5")
    must_act(shop)
    track(shop, event("u0"), event("u1"), event("u0"))
    actions = {answer["action_id"] for answer in [acted(shop, dispatch=True) for _ in range(2)]}
    recommend(shop, "u1", dry_run=True)
    decided = len(ask(shop, "SELECT id FROM decisions_decision"))
    deliver(shop)
    assert shop.post(f"/api/external/actions/{actions.pop()}/outcome", {"status": "ignored"}).status_code == 200

    for _ in range(3):
        settle(shop)
        counted(shop)

    expected = {
        "active_users": 2,
        "events": 3,
        "decisions": decided,
        "actions_delivered": 2,
        "outcomes": 1,
        "action_cost_usd": Decimal(1),
    }
    assert used(shop) == [{"starts_on": today().replace(day=1), **expected}]
    assert used(shop, "day") == [{"starts_on": today(), **expected}]


def test_count__outcome_before_the_answer__is_an_action_that_arrived(shop: Api) -> None:
    must_act(shop)
    action = acted(shop, dispatch=True)["action_id"]
    ask(shop, "UPDATE delivery_action SET status = 'dispatched', attempts = 1")
    assert shop.post(f"/api/external/actions/{action}/outcome", {"status": "completed"}).status_code == 200
    settle(shop)

    assert [(row["actions_delivered"], row["outcomes"]) for row in used(shop)] == [(1, 1)]


def test_count__decisions_beyond_a_batch__are_counted_in_several(shop: Api) -> None:
    for _ in range(7):
        recommend(shop)

    counted(shop, batch=3)

    assert used(shop)[0]["decisions"] == 7


def test_count__while_a_decision_is_not_committed__finds_it_later(shop: Api) -> None:
    """Its position is below that of one that is committed before it."""
    recommend(shop)
    wait_for_commits()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT set_config('retivo.tenant_id', %s, false)", [str(shop.tenant_id)])
        other.execute(
            "INSERT INTO decisions_decision (tenant_id, id, user_id, created_at, request, candidates, guardrails,"
            " propensity, reasoning, model_version, features, holdout, shadow, compared)"
            " SELECT tenant_id, 'dec_late', user_id, created_at, request, candidates, guardrails, propensity,"
            " reasoning, model_version, features, holdout, shadow, compared FROM decisions_decision LIMIT 1"
        )
        recommend(shop)
        counting.count_tenant(shop.tenant_id)
        assert used(shop)[0]["decisions"] == 1
    counted(shop)

    assert used(shop)[0]["decisions"] == 3


@pytest.mark.parametrize("seed", range(3))
def test_count__whatever_comes__days_add_up_to_months(shop: Api, seed: int) -> None:
    rng = random.Random(seed)
    of_before(shop)
    month = today().replace(day=1)
    for _ in range(8):
        for _ in range(rng.randint(1, 3)):
            match rng.randint(0, 3):
                case 0:
                    track(shop, *(event(f"u{rng.randint(0, 3)}") for _ in range(rng.randint(1, 4))))
                case 1:
                    recommend(shop, f"u{rng.randint(0, 2)}")
                case 2:
                    imported(shop, str(month - timedelta(days=rng.randint(1, 90))), user=f"u{rng.randint(0, 5)}")
                case 3:
                    as_owner(
                        "UPDATE events_usagecount SET counted_at = now() - make_interval(hours => %s)",
                        rng.randint(1, 99),
                    )
        counted(shop)
        assert totals(shop, "day") == totals(shop, "month")

    metered = as_owner("SELECT month, sum(events), sum(active_users) FROM events_monthlyusage GROUP BY 1 ORDER BY 1")
    found = as_owner(
        "SELECT starts_on, sum(events), sum(active_users) FROM events_usage WHERE unit = 'month'"
        " GROUP BY 1 HAVING sum(events) > 0 ORDER BY 1"
    )
    assert found == metered


def test_count__six_at_once__count_everything_once(shop: Api) -> None:
    track(shop, *(event(f"u{n}") for n in range(3)))
    for _ in range(5):
        recommend(shop)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(_count_and_hang_up, shop) for _ in range(12)]:
            done.result()

    assert [(row["events"], row["decisions"]) for row in used(shop)] == [(3, 5)]


def _count_and_hang_up(shop: Api) -> None:
    try:
        counted(shop)
    finally:
        connections.close_all()


def test_count__killed_before_its_commit__is_done_again_from_where_it_was(shop: Api) -> None:
    track(shop, event("u0"))
    with tenant_context(shop.tenant_id):
        counting.count(tenant_id=shop.tenant_id)
        transaction.set_rollback(True)
    assert used(shop) == []

    counted(shop)

    assert used(shop)[0]["events"] == 1


# --- Months that close ----------------------------------------------------------------------------------------------


def test_close__month_of_before__is_closed_as_it_was_counted_and_stays(shop: Api) -> None:
    imported(shop, "2026-08-03", "2026-08-30")
    of_before(shop)

    for _ in range(2):
        counted(shop)

    (row,) = ask(shop, "SELECT events, active_users, closed_at FROM events_usage WHERE unit = 'month'")
    assert row[:2] == (2, 1)
    assert row[2] is not None
    imported(shop, "2026-08-04")
    imported(shop, "2026-08-04", user="another")
    counted(shop)
    after = ask(
        shop, "SELECT events, active_users, closed_at FROM events_usage WHERE unit = 'month' AND correction = 0"
    )
    assert after == [row]
    assert [(each["events"], each["active_users"], each["correction"]) for each in used(shop)[1:]] == [
        (2, 1, (today() - date(2026, 9, 1)).days)
    ]
    assert totals(shop, "day") == totals(shop, "month")


def test_close__import_into_a_month_before_the_tenant_was_made__is_a_correction(shop: Api) -> None:
    imported(shop, "2024-02-29")
    counted(shop)

    assert [(row["starts_on"], row["events"]) for row in used(shop)] == [(date(2024, 2, 1), 1)]
    assert used(shop)[0]["correction"] == (today() - date(2024, 3, 1)).days
    assert used(shop, "day")[0]["starts_on"] == date(2024, 2, 29)


def test_close__correction_of_an_earlier_day__is_closed_and_another_begins(shop: Api) -> None:
    imported(shop, "2024-02-29")
    counted(shop)
    as_owner("UPDATE events_usage SET correction = correction - 1")
    assert shop.tenant_id in rounds.ask(waiting.TO_CLOSE)
    imported(shop, "2024-02-03")
    counted(shop)

    found = ask(shop, "SELECT events, closed_at IS NOT NULL FROM events_usage WHERE unit = 'month' ORDER BY correction")
    assert found == [(1, True), (1, False)]
    assert shop.tenant_id not in rounds.ask(waiting.TO_CLOSE)


def test_close__tenant_that_used_nothing__is_closed_too(shop: Api) -> None:
    of_before(shop)
    assert shop.tenant_id in rounds.ask(waiting.TO_CLOSE)

    counted(shop)

    assert shop.tenant_id not in rounds.ask(waiting.TO_CLOSE)
    assert ask(shop, "SELECT closed_through FROM events_usagecount") == [
        ((datetime.now(UTC) - timedelta(days=3)).date().replace(day=1),)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events_usage SET events = 99",
        "UPDATE events_usage SET closed_at = NULL",
        "DELETE FROM events_usage",
        "INSERT INTO events_usage (tenant_id, unit, starts_on, correction, counted_at, active_users, events, decisions,"
        " actions_delivered, outcomes, action_cost_usd)"
        " SELECT tenant_id, 'day', '2026-08-09', 0, now(), 1, 1, 1, 1, 1, 1 FROM events_usagecount",
    ],
)
def test_closed__whoever_writes__is_refused(shop: Api, statement: str) -> None:
    imported(shop, "2026-08-03")
    of_before(shop)
    counted(shop)
    before = as_owner("SELECT * FROM events_usage ORDER BY unit")

    with pytest.raises(ProgrammingError, match="closed"), transaction.atomic(using="owner"):
        as_owner(statement)
    with pytest.raises(ProgrammingError), tenant_context(shop.tenant_id), connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(ProgrammingError), staff_context(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert as_owner("SELECT * FROM events_usage ORDER BY unit") == before


def test_closed__of_a_suspended_tenant__stays(acme: Api, shop: Api) -> None:
    imported(shop, "2026-08-03")
    of_before(shop)
    counted(shop)
    acme.patch(f"/api/partners/customers/{shop.tenant_id}", {"plan_status": "suspended"})

    with pytest.raises(ProgrammingError, match="is closed"), staff_context(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_usage")


def test_closed__tenant_that_is_deleted__takes_it_along(shop: Api) -> None:
    imported(shop, "2026-08-03")
    of_before(shop)
    counted(shop)

    ((slug,),) = as_owner("SELECT slug FROM tenants_tenant WHERE id = %s", shop.tenant_id)
    call_command("delete_tenant", str(shop.tenant_id), confirm=slug)

    assert as_owner("SELECT FROM events_usage") == []


# --- Who is counted -------------------------------------------------------------------------------------------------


def test_rounds__use_of_any_kind__is_found_once(shop: Api) -> None:
    as_owner("DELETE FROM events_monthlyusage")
    assert shop.tenant_id not in rounds.ask(waiting.TO_METER) + rounds.ask(waiting.TO_CLOSE)

    recommend(shop)
    assert shop.tenant_id in rounds.ask(waiting.TO_CLOSE)
    counted(shop)
    assert shop.tenant_id not in rounds.ask(waiting.TO_CLOSE)
    track(shop, event("u0"))
    assert shop.tenant_id in rounds.ask(waiting.TO_METER)


def test_metrics__are_columns() -> None:
    assert set(UsageMetric.values) == set(METRICS)

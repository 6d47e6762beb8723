"""Each kind of work that falls due is found by its round, rounds that were missed included, and nothing else is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from decisions.upkeep import waiting
from events import tasks as events
from tenants.upkeep import rounds
from tests.conftest import Api
from tests.decisions.cast import plan, playbook
from tests.decisions.deciding import acted, configure, recommend, shop_of
from tests.owner import as_owner, owner_cursor

FOLD = rounds.of(rounds.having("learning_example", "r.features IS NOT NULL"))
ROUNDS = {
    "run": waiting.TO_RUN,
    "settle": waiting.TO_SETTLE,
    "count": waiting.TO_COUNT,
    "forget": waiting.TO_FORGET,
    "score": events._TO_SCORE,
    "fold": FOLD,
}


def found_by(shop: Api) -> set[str]:
    return {name for name, statement in ROUNDS.items() if shop.tenant_id in rounds.ask(statement)}


@pytest.fixture
def idle(acme: Api) -> Api:
    """A shop whose decisions, actions, users and counts are all done with."""
    shop = shop_of(acme)
    configure(shop, conversion={"event": "bought", "within_days": 3})
    acted(shop, dispatch=True)
    plan(shop, "u0")
    playbook(shop, status="draft")
    quiet()
    return shop


def quiet() -> None:
    """As if all that there is had been done days ago."""
    for statement in (
        "UPDATE delivery_action SET status = 'delivered', attempts = 1, delivered_at = now()",
        "UPDATE decisions_decision SET created_at = created_at - interval '9 days', closed_at = now(),"
        " cost_state = CASE WHEN cost_state IS NOT NULL THEN 'settled' END",
        "UPDATE decisions_intervention SET status = 'completed' WHERE status = 'planned'",
        "DELETE FROM delivery_actionchange",
        "DELETE FROM learning_example",
        "UPDATE events_trackeduser SET scored_at = now()",
        "UPDATE events_scoringsweep SET began_at = now(), asked_at = NULL",
        "INSERT INTO decisions_liftcount SELECT id, now(), 1, 0, 1, 0 FROM tenants_tenant ON CONFLICT DO NOTHING",
    ):
        as_owner(statement)
    active("2 days")


def active(ago: str) -> list[Any]:
    """When events came last."""
    as_owner("DELETE FROM events_monthlyusage")
    return as_owner(
        "INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users, active_at)"
        " SELECT id, date_trunc('month', now()), 1, 1, 1, now() - %s::interval FROM tenants_tenant",
        ago,
    )


def opened(age: str) -> list[Any]:
    """One decision of this age is open."""
    return as_owner(
        "UPDATE decisions_decision SET closed_at = NULL, created_at = now() - %s::interval"
        " WHERE id = (SELECT min(id) FROM decisions_decision)",
        age,
    )


def test_idle__is_found_by_no_round(idle: Api) -> None:
    assert found_by(idle) == set()


# What falls due, by what makes it so, and which rounds have to find it. `forget` settles what others missed.
DUE: dict[str, tuple[Callable[[Api], Any], set[str]]] = {
    "an active playbook": (playbook, {"run"}),
    "an intervention by hand": (lambda shop: plan(shop, "u1"), {"run"}),
    "a new decision": (lambda shop: recommend(shop, "u1"), {"count", "forget"}),
    "an action arrived": (
        lambda shop: (
            as_owner("UPDATE delivery_action SET status = 'pending'")
            or as_owner("UPDATE delivery_action SET status = 'delivered'")
        ),
        {"settle", "forget"},
    ),
    "an outcome was reported": (
        lambda shop: as_owner(
            "UPDATE delivery_action SET status = 'completed', outcome_status = 'ignored', outcome_at = now()"
        ),
        {"settle", "forget"},
    ),
    "a failed action expired": (
        lambda shop: (
            as_owner(
                "UPDATE delivery_action SET status = 'failed', failure_reason = 'endpoint_gone',"
                " expires_at = now() + interval '1 hour'"
            )
            or as_owner("DELETE FROM delivery_actionchange WHERE due_at <= now()")
            or as_owner("UPDATE delivery_actionchange SET due_at = due_at - interval '1 hour'")
        ),
        {"settle", "forget"},
    ),
    "events that may convert": (
        lambda shop: opened("26 hours 7 minutes") or active("1 minute"),
        {"settle", "count", "score", "forget"},
    ),
    "events at an age": (lambda shop: opened("30 seconds") or active("23 hours"), {"settle", "count", "forget"}),
    "a window that ended": (lambda shop: opened("4 days 1 minute"), {"settle", "forget"}),
    "a window that ended in a round that was missed": (lambda shop: opened("4 days 3 hours"), {"forget"}),
    "a window of no conversion": (
        lambda shop: (
            opened("7 days 1 minute")
            or as_owner("UPDATE tenants_tenant SET config = '{}' WHERE id = %s", shop.tenant_id)
        ),
        {"settle", "forget"},
    ),
    "a cost that a missed round left": (
        lambda shop: as_owner("UPDATE decisions_decision SET cost_usd = 1, cost_state = 'reserved'"),
        {"forget"},
    ),
    "an intervention that a missed round left": (
        lambda shop: as_owner("UPDATE decisions_intervention SET status = 'sent', sent_at = now()"),
        {"forget"},
    ),
    "a count of yesterday": (
        lambda shop: as_owner("UPDATE decisions_liftcount SET counted_at = now() - interval '21 hours'"),
        {"count"},
    ),
    "decisions past their time": (
        lambda shop: as_owner("UPDATE decisions_decision SET created_at = now() - interval '401 days'"),
        {"forget"},
    ),
    "actions past their time": (
        lambda shop: as_owner("UPDATE delivery_action SET created_at = now() - interval '401 days'"),
        {"forget"},
    ),
    "interventions past their time": (
        lambda shop: as_owner("UPDATE decisions_intervention SET planned_at = now() - interval '401 days'"),
        {"forget"},
    ),
    "remembered decisions past their time": (
        lambda shop: as_owner("UPDATE learning_remembereddecision SET decided_at = now() - interval '91 days'"),
        {"forget"},
    ),
    "an answer past its time": (
        lambda shop: as_owner(
            "INSERT INTO delivery_attempt (tenant_id, action_id, number, started_at, latency_ms, error, response)"
            " SELECT tenant_id, id, 1, now() - interval '31 days', 1, '', 'ok' FROM delivery_action"
        ),
        {"forget"},
    ),
    "an example past its time": (
        lambda shop: as_owner(
            "INSERT INTO learning_example (tenant_id, decision_id, user_id, action, conversion, folded, recorded_at)"
            " SELECT tenant_id, 'd', user_id, 'nothing', 0, 0, now() - interval '91 days' FROM events_trackeduser"
            " LIMIT 1"
        ),
        {"forget"},
    ),
    "an example that waits": (
        lambda shop: as_owner(
            "INSERT INTO learning_example (tenant_id, decision_id, user_id, action, conversion, features)"
            " SELECT tenant_id, 'd', user_id, 'nothing', 0, '{}' FROM events_trackeduser LIMIT 1"
        ),
        {"fold"},
    ),
    "events": (
        lambda shop: shop.post("/api/track", {"events": [{"user_id": "u0", "event": "looked"}]}),
        {"score"},
    ),
    "users who rested when events came last": (lambda shop: active("75 minutes"), {"score"}),
    "a new user": (lambda shop: shop.post("/api/customers", {"user_id": "u9"}), {"score"}),
    "a sweep": (
        lambda shop: as_owner(
            "INSERT INTO events_scoringsweep (tenant_id, began_at) SELECT id, now() - interval '21 hours'"
            " FROM tenants_tenant ON CONFLICT (tenant_id) DO UPDATE SET began_at = excluded.began_at"
        ),
        {"score"},
    ),
    "a sweep under way": (lambda shop: as_owner("UPDATE events_scoringsweep SET after = 'u1'"), {"score"}),
}


@pytest.mark.parametrize("kind", DUE)
def test_work_that_is_due__is_found_by_its_round(idle: Api, kind: str) -> None:
    fall_due, expected = DUE[kind]

    fall_due(idle)

    assert found_by(idle) == expected


def test_suspended__is_found_for_forgetting_alone(idle: Api) -> None:
    playbook(idle)
    opened("401 days")
    as_owner("UPDATE delivery_action SET status = 'completed'")
    as_owner("UPDATE tenants_tenant SET plan_status = 'suspended'")

    assert found_by(idle) == {"forget"}


# --- What finding costs ---------------------------------------------------------------------------------------------

CROWD = 5000

MANY_IDLE = f"""
    WITH shop AS (
        INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config)
        SELECT gen_random_uuid(), 'T', 't' || n, 'standalone', 'growth', 'active', 1000,
            '{{"conversion": {{"event": "bought"}}}}'
        FROM generate_series(1, {CROWD}) n RETURNING id
    ), person AS (
        INSERT INTO events_trackeduser (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage,
            opted_out)
        SELECT id, 'u', '', '', '', '', '', '{{}}', 'active', false FROM shop
    ), usage AS (
        INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users, active_at)
        SELECT id, date_trunc('month', now()), 1, 1, 1, now() - interval '3 days' FROM shop
    ), sweep AS (
        INSERT INTO events_scoringsweep (tenant_id, began_at) SELECT id, now() FROM shop
    ), counted AS (
        INSERT INTO decisions_liftcount SELECT id, now(), 1, 0, 1, 0 FROM shop
    ), made AS (
        INSERT INTO decisions_playbook (tenant_id, id, name, status, lifecycle_area, entry_conditions, exit_conditions,
            constraints, strategy_hints)
        SELECT id, gen_random_uuid(), 'P', 'draft', 'retention', '{{}}', '{{}}', '{{}}', '{{}}' FROM shop
    )
    INSERT INTO decisions_decision (tenant_id, id, user_id, created_at, request, candidates, guardrails, propensity,
        reasoning, model_version, features, holdout, shadow, compared, closed_at)
    SELECT id, 'd' || n || id, 'u', now() - interval '5 hours' - n * interval '1 hour', '{{}}', '[]', '[]', 1, '',
        1, '{{}}', false, false, true, CASE WHEN n > 1 THEN now() END
    FROM shop, generate_series(1, 4) n
"""


@pytest.mark.parametrize("name", ["run", "settle", "count", "score", "fold"])
def test_finding__among_many_idle_tenants__reads_what_waits_and_not_the_rest(idle: Api, name: str) -> None:
    as_owner(MANY_IDLE)
    as_owner("VACUUM ANALYZE")

    with owner_cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ROUNDS[name]}")
        (plan,) = cursor.fetchone()
    plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]

    # One buffer a tenant would be more than all of it. The ages of a decision are some hundred looks in an index.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < CROWD / 10

"""What settling costs for a tenant of whom PostgreSQL has no statistics yet."""

from decisions.upkeep import aftermath
from tests.buffers import reads
from tests.conftest import Api
from tests.decisions.deciding import configure, later
from tests.owner import as_owner

BATCH, MANY = 100, 2000

# Half of the users converted.
_ADD = f"""
    WITH type AS (
        SELECT id FROM integrations_actiontype WHERE tenant_id = %(tenant_id)s LIMIT 1
    ), person AS (
        INSERT INTO events_trackeduser (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage,
            opted_out, last_activity_at)
        SELECT %(tenant_id)s, 'v' || n, '', '', '', '', '', '{{}}', 'new', false, now()
        FROM generate_series(1, {MANY}) n
    ), happened AS (
        INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)
        SELECT %(tenant_id)s, now() - interval '1 hour', 'v' || 2 * n, 'bought', 'track', '{{}}', 90,
            date_trunc('month', now() AT TIME ZONE 'UTC')::date
        FROM generate_series(1, {MANY} / 2) n
    ), budget AS (
        INSERT INTO decisions_budget (tenant_id, month, reserved_usd, settled_usd)
        SELECT %(tenant_id)s, date_trunc('month', at AT TIME ZONE 'UTC')::date, {MANY}, 0
        FROM (VALUES (now()), (now() - interval '6 hours')) v (at) GROUP BY 2
    ), acted AS (
        INSERT INTO delivery_action (tenant_id, id, action_type_id, action_type, provider, domain, user_id, parameters,
            status, due_at, attempts, replayed_from, failure_reason, expires_at)
        SELECT %(tenant_id)s, 'ea_' || n, t.id, 'grant_points', 'p', '', 'v' || n, '{{}}', 'expired',
            now(), 0, 0, '', now() FROM type t, generate_series(1, {MANY}) n
    ), planned AS (
        INSERT INTO decisions_intervention (tenant_id, id, user_id, channel, status, planned_at, sent_at, decision_id)
        SELECT %(tenant_id)s, 'in_' || n, 'v' || n, 'external_action', 'sent', now(), now(), 'd' || n
        FROM generate_series(1, {MANY}) n
    )
    INSERT INTO decisions_decision (tenant_id, id, user_id, created_at, request, candidates, guardrails, propensity,
        reasoning, model_version, features, holdout, shadow, compared, action, action_type_id, parameters, action_id,
        cost_usd, cost_state)
    SELECT %(tenant_id)s, 'd' || n, 'v' || n, now() - interval '5 hours' - n * interval '1 second', '{{}}', '[]', '[]',
        1, '', 1, '{{}}', false, false, true, 'p:grant_points', gen_random_uuid(), '{{}}', 'ea_' || n, 1, 'reserved'
    FROM generate_series(1, {MANY}) n
"""


def test_settle__many_decisions_that_no_statistics_know__compares_none_with_each(shop: Api) -> None:
    configure(shop, conversion={"event": "bought", "within_days": 3})
    for table in ("decisions_decision", "decisions_intervention", "delivery_action", "events_trackeduser"):
        as_owner(f"ANALYZE {table}")
    as_owner(_ADD, tenant_id=shop.tenant_id)

    with reads() as seen:
        soon = aftermath.settle_tenant(shop.tenant_id, batch=BATCH)
        late = aftermath.settle_tenant(shop.tenant_id, batch=BATCH, now=later(days=9))

    assert soon["conversions"] + late["conversions"] > 0
    written = [read for read in seen if "UPDATE" in read.sql]
    assert len(written) > 4 * MANY / BATCH / 2
    for read in written:
        assert read.unequal <= BATCH**2, read.sql

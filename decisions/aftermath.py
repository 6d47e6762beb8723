"""What comes of decisions, found out in batches: actions that arrived, conversions, windows that closed.

Nothing below this room knows of decisions, so they look: at the actions that they dispatched, and at the events of the
users they were for. Each step may be run late, often and in parallel, and a run that was killed is made good.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

from decisions import budget, rules
from decisions.playbooks import interventions
from decisions.rules import Rules
from events import next_actions
from learning import services as learning
from tenants.context import tenant_context

BATCH = 1000


def settle_tenant(tenant_id: UUID, *, now: datetime | None = None, batch: int = BATCH) -> Counter[str]:
    """All there is to find out now; how much that was, by kind. For a periodic job."""
    now = now or datetime.now(UTC)
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT config::text FROM tenants_tenant WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    if row is None:
        return Counter()
    of_tenant = rules.read(row[0])
    counts: Counter[str] = Counter()
    counts["interventions"] = _drained(tenant_id, batch, partial(_follow_actions, now=now))
    counts["costs"] = _drained(
        tenant_id, batch, lambda tenant_id, limit: budget.settle(tenant_id=tenant_id, limit=limit)
    )
    if of_tenant.conversion is not None:
        counts["conversions"] = sum(_conversions(tenant_id, of_tenant, now, batch))
    counts["closed"] = _drained(tenant_id, batch, partial(_close, of_tenant=of_tenant, now=now))
    return counts


def _drained(tenant_id: UUID, batch: int, step: Callable[[UUID, int], int]) -> int:
    """Steps of a transaction each until there is no more to do."""
    total = 0
    while True:
        with tenant_context(tenant_id):
            done = step(tenant_id, batch)
        total += done
        if done < batch:
            return total


def _follow_actions(tenant_id: UUID, limit: int, *, now: datetime) -> int:
    """Interventions say what became of their actions."""
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW_ACTIONS, {"tenant_id": tenant_id, "limit": limit, "now": now})
        users = [user_id for (user_id,) in cursor.fetchall()]
    interventions.refresh_next_actions(tenant_id=tenant_id, users=sorted(set(users)))
    return len(users)


def _conversions(tenant_id: UUID, of_tenant: Rules, now: datetime, batch: int) -> Iterator[int]:
    """Conversion events in the windows of open decisions, whoever was given what: the held out count for the lift."""
    conversion = of_tenant.conversion
    assert conversion is not None  # noqa: S101  # for mypy
    after: tuple[datetime, str] | None = (datetime.min.replace(tzinfo=UTC), "")
    while after is not None:
        parameters: dict[str, Any] = {
            "tenant_id": tenant_id,
            "after_time": after[0],
            "after_id": after[1],
            "event": conversion.event,
            "within": conversion.within,
            "value": conversion.value,
            "now": now,
            "limit": batch,
        }
        with tenant_context(tenant_id), connection.cursor() as cursor:
            cursor.execute(_FIND_CONVERSIONS, parameters)
            looked_at, last_time, last_id, converted = cursor.fetchone()
            reports: list[learning.Report] = [
                {"decision_id": decision_id, "conversion": conversion.value} for decision_id in converted
            ]
            learning.report(tenant_id=tenant_id, reports=reports)
        yield len(converted)
        after = (last_time, last_id) if looked_at == batch else None


def _close(tenant_id: UUID, limit: int, *, of_tenant: Rules, now: datetime) -> int:
    """Windows that are over. What was done by then and told nobody is a trial without a reward; an outcome that is
    reported later still counts."""
    before = now - of_tenant.window - (rules.LATE if of_tenant.conversion else rules.NOT_LATE)
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, {"tenant_id": tenant_id, "limit": limit, "before": before, "now": now})
        closed = cursor.fetchall()
    reports: list[learning.Report] = [{"decision_id": decision_id} for decision_id, was_done in closed if was_done]
    learning.report(tenant_id=tenant_id, reports=reports)
    return len(closed)


# An action that failed may still arrive, by a replay. What is on its way tells nothing yet. The statuses, as literals,
# and the order are those of the index `intervention_followed`.
_FOLLOW_ACTIONS = """
    WITH changed AS MATERIALIZED (
        SELECT i.id, a.delivered_at, came.status
        FROM decisions_intervention i
        JOIN decisions_decision d ON d.tenant_id = i.tenant_id AND d.id = i.decision_id
        JOIN delivery_action a ON a.tenant_id = d.tenant_id AND a.id = d.action_id
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN a.status IN ('failed', 'expired') OR a.outcome_status IN ('ignored', 'rejected') THEN 'failed'
                WHEN a.status IN ('delivered', 'completed') THEN a.status
            END AS status
        ) came
        WHERE i.tenant_id = %(tenant_id)s AND i.sent_at > %(now)s::timestamptz - interval '90 days'
          AND i.status IN ('sent', 'delivered', 'failed') AND came.status <> i.status
        ORDER BY i.sent_at LIMIT %(limit)s FOR NO KEY UPDATE OF i SKIP LOCKED
    )
    UPDATE decisions_intervention i SET
        status = c.status, delivered_at = coalesce(i.delivered_at, c.delivered_at)
    FROM changed c WHERE i.tenant_id = %(tenant_id)s AND i.id = c.id
    RETURNING i.user_id
"""

# An event is received a day before it happens at the earliest (events.batch.MAX_AHEAD), which tells the partitions.
_FIND_CONVERSIONS = """
    WITH open AS MATERIALIZED (
        SELECT d.id, d.user_id, d.created_at, d.converted_at FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.closed_at IS NULL
          AND (d.created_at, d.id) > (%(after_time)s, %(after_id)s)
        ORDER BY d.created_at, d.id LIMIT %(limit)s
    ), found AS MATERIALIZED (
        SELECT o.id, e.at FROM open o
        JOIN events_trackeduser u ON u.tenant_id = %(tenant_id)s AND u.user_id = o.user_id
        CROSS JOIN LATERAL (
            SELECT min(e.timestamp) AS at FROM events_event e
            WHERE e.tenant_id = %(tenant_id)s AND e.user_id = o.user_id AND e.name = %(event)s
              AND e.timestamp > o.created_at AND e.timestamp <= o.created_at + %(within)s::interval
              AND e.timestamp <= %(now)s AND e.received_at > o.created_at - interval '1 day'
        ) e
        WHERE o.converted_at IS NULL AND u.last_activity_at >= date_trunc('minute', o.created_at) AND e.at IS NOT NULL
    ), noted AS (
        UPDATE decisions_decision d SET converted_at = f.at, conversion = %(value)s FROM found f
        WHERE d.tenant_id = %(tenant_id)s AND d.id = f.id AND d.converted_at IS NULL
        RETURNING d.id
    )
    SELECT (SELECT count(*) FROM open),
        (SELECT created_at FROM open ORDER BY created_at DESC, id DESC LIMIT 1),
        (SELECT id FROM open ORDER BY created_at DESC, id DESC LIMIT 1),
        ARRAY(SELECT id FROM noted)
"""

# What is still on its way, or never arrived, tells nothing.
_CLOSE = """
    WITH over AS MATERIALIZED (
        SELECT d.id, d.action_id IS NULL OR coalesce((
            SELECT a.status IN ('delivered', 'completed') FROM delivery_action a
            WHERE a.tenant_id = d.tenant_id AND a.id = d.action_id
        ), false) AS was_done
        FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.closed_at IS NULL AND d.created_at <= %(before)s
        ORDER BY d.created_at LIMIT %(limit)s FOR NO KEY UPDATE OF d SKIP LOCKED
    )
    UPDATE decisions_decision d SET closed_at = %(now)s FROM over o
    WHERE d.tenant_id = %(tenant_id)s AND d.id = o.id
    RETURNING d.id, o.was_done
"""

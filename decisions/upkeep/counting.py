"""What a tenant used since the last count, from the tables that have it: for `events.usage.counting`.

Users, events and costs are what their months have more than was counted. Decisions are those in the order of commits
behind the last that was counted. Actions and outcomes are noted as they change, and come from whoever forgets that.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.changes import Arrived
from events.usage import counting
from tenants.context import tenant_context
from tenants.upkeep.rounds import Turn

BATCH = 50_000  # decisions a transaction, and the rest of the last one's


def count_tenant(tenant_id: UUID, turn: Turn | None = None, *, batch: int = BATCH) -> None:
    """Count all there is, and close the months that are over. For a periodic job.

    Raises:
        TurnOver: decisions are left to be counted.
    """
    turn = turn or Turn()
    while True:
        with tenant_context(tenant_id):
            if count(tenant_id=tenant_id, batch=batch):
                return
        turn.check()


def count(*, tenant_id: UUID, arrived: Sequence[Arrived] = (), batch: int = BATCH) -> bool:
    """Count a batch, in the tenant's context and transaction. Whether that was all.

    Args:
        arrived: what became of actions, which no later count would find.
    """
    place = counting.begin(tenant_id=tenant_id)
    if place is None:
        return True
    found = counting.events_since(tenant_id=tenant_id, place=place)
    found += [{"day": each.day, "actions_delivered": each.delivered, "outcomes": each.outcomes} for each in arrived]
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "day": place.day,
        "position": place.decisions_position,
        "limit": batch,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COSTS, parameters)
        found += [{"day": day, "action_cost_usd": cost} for day, cost in cursor.fetchall()]
        cursor.execute(_DECISIONS, parameters)
        rows = cursor.fetchall()
    position, is_all = rows[0][2:]
    found += [{"day": day, "decisions": decisions} for day, decisions, _, _ in rows if day is not None]
    closes = place.is_over and is_all
    counting.finish(tenant_id=tenant_id, found=found, decisions_position=position, closes=closes)
    return bool(is_all)


# In the month of the decision, also where the action arrives in the next.
_COSTS = """
    SELECT greatest(b.month, least(%(day)s::date, (b.month + interval '1 month')::date - 1)),
        b.settled_usd - coalesce(c.cost, 0)
    FROM decisions_budget b LEFT JOIN (
        SELECT starts_on, sum(action_cost_usd) AS cost FROM events_usage
        WHERE tenant_id = %(tenant_id)s AND unit = 'month' GROUP BY 1
    ) c ON c.starts_on = b.month
    WHERE b.tenant_id = %(tenant_id)s AND b.settled_usd <> coalesce(c.cost, 0)
"""

# Before the first transaction that is still open, all are decided. Those of one transaction have one position.
_DECISIONS = """
    WITH horizon AS MATERIALIZED (
        SELECT greatest(
            (last_value << 48) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, %(position)s
        ) AS position FROM commit_era
    ), cut AS MATERIALIZED (
        SELECT d.position FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.position > %(position)s
          AND d.position <= (SELECT position FROM horizon)
        ORDER BY d.position, d.id OFFSET %(limit)s - 1 LIMIT 1
    ), through AS MATERIALIZED (
        SELECT coalesce((SELECT position FROM cut), (SELECT position FROM horizon)) AS position
    )
    SELECT f.day, f.decisions, t.position, NOT EXISTS (SELECT FROM cut)
    FROM through t LEFT JOIN LATERAL (
        SELECT (d.created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS decisions FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.position > %(position)s AND d.position <= t.position GROUP BY 1
    ) f ON true
"""

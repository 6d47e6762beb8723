"""A month's money: reserved when an action is dispatched, settled when it arrives, released when it cannot."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from decisions.recommending.situation import month
from tenants import outbox


def reserve(*, tenant_id: UUID, cost_usd: Decimal, budget_usd: Decimal | None, now: datetime) -> bool:
    """Whether there was room. Whoever asks next waits for this transaction: a month is never overspent."""
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "month": month(now),
        "cost": cost_usd,
        "budget": budget_usd,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, parameters)
        return bool(cursor.rowcount)


def tell_exhausted(*, tenant_id: UUID, budget_usd: Decimal, now: datetime) -> None:
    """Tell the partner that the month's budget refused an action. Whoever is first tells; all others do nothing."""
    parameters = {"tenant_id": tenant_id, "month": month(now), "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_EXHAUSTED, parameters)
        first = cursor.fetchone()
    if first is None:
        return
    outbox.announce(
        action="budget.exhausted",
        tenant_id=tenant_id,
        data={"month": f"{month(now):%Y-%m}", "budget_usd": f"{budget_usd:.6f}", "spent_usd": f"{first[0]:.6f}"},
    )


def settle(*, tenant_id: UUID, limit: int) -> int:
    """Bring what is reserved up to date with what became of the actions; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, {"tenant_id": tenant_id, "limit": limit})
        return int(cursor.fetchone()[0])


_RESERVE = """
    INSERT INTO decisions_budget AS b (tenant_id, month, reserved_usd, settled_usd)
    SELECT %(tenant_id)s, %(month)s, %(cost)s, 0
    WHERE %(budget)s::numeric IS NULL OR %(cost)s::numeric <= %(budget)s::numeric
    ON CONFLICT (tenant_id, month) DO UPDATE SET reserved_usd = b.reserved_usd + excluded.reserved_usd
    WHERE %(budget)s::numeric IS NULL OR b.reserved_usd + b.settled_usd + %(cost)s::numeric <= %(budget)s::numeric
"""

# Those at once wait for the first one, and find what it wrote.
_EXHAUSTED = """
    INSERT INTO decisions_budget AS b (tenant_id, month, reserved_usd, settled_usd, exhausted_at)
    VALUES (%(tenant_id)s, %(month)s, 0, 0, %(now)s)
    ON CONFLICT (tenant_id, month) DO UPDATE SET exhausted_at = excluded.exhausted_at WHERE b.exhausted_at IS NULL
    RETURNING b.reserved_usd + b.settled_usd
"""

# A failed action may be replayed until it expires, and is paid for where that delivers it.
_SETTLE = """
    WITH ended AS MATERIALIZED (
        SELECT d.id, d.cost_usd, date_trunc('month', d.created_at AT TIME ZONE 'UTC')::date AS month,
            CASE WHEN a.status IN ('delivered', 'completed') THEN 'settled' ELSE 'released' END AS state
        FROM decisions_decision d
        CROSS JOIN LATERAL (
            SELECT status, expires_at FROM delivery_action
            WHERE tenant_id = %(tenant_id)s AND id = d.action_id LIMIT 1
        ) a
        WHERE d.tenant_id = %(tenant_id)s AND d.cost_state = 'reserved'
          AND (a.status IN ('delivered', 'completed', 'expired') OR a.status = 'failed' AND a.expires_at <= now())
        ORDER BY d.created_at LIMIT %(limit)s FOR NO KEY UPDATE OF d SKIP LOCKED
    ), noted AS (
        UPDATE decisions_decision d SET cost_state = e.state FROM ended e
        WHERE d.tenant_id = %(tenant_id)s AND d.id = ANY(ARRAY(SELECT id FROM ended)) AND d.id = e.id
    ), summed AS (
        UPDATE decisions_budget b SET
            reserved_usd = b.reserved_usd - s.ended, settled_usd = b.settled_usd + s.settled
        FROM (
            SELECT month, sum(cost_usd) AS ended, coalesce(sum(cost_usd) FILTER (WHERE state = 'settled'), 0) AS settled
            FROM ended GROUP BY month
        ) s
        WHERE b.tenant_id = %(tenant_id)s AND b.month = s.month
    )
    SELECT count(*) FROM ended
"""

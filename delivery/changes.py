"""What became of actions, noted for whoever hangs something on them: read before the work and forgotten after it, so
that a run that is killed loses none. In the tenant's context."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from delivery.models import OutcomeStatus
from tenants import outbox

MOST = 50_000  # the rest is the next run's


def find(*, tenant_id: UUID, now: datetime) -> list[int]:
    """The notes that are due, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"tenant_id": tenant_id, "now": now, "limit": MOST})
        return [change for (change,) in cursor.fetchall()]


class Arrived(NamedTuple):
    """How many actions arrived on a day (UTC), and of how many the outcome was reported."""

    day: date
    delivered: int
    outcomes: int


def forget(*, tenant_id: UUID, changes: Sequence[int]) -> list[Arrived]:
    """All that hangs on these has been seen to but what they count, which is returned once, to whoever forgets them.

    The tenant's partner is told how many outcomes are among them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"tenant_id": tenant_id, "changes": list(changes)})
        rows = cursor.fetchall()
    told: Counter[str] = Counter()
    arrived: Counter[date] = Counter()
    outcomes: Counter[date] = Counter()
    for day, status, delivered, reported, count in rows:
        arrived[day] += delivered
        outcomes[day] += reported
        if status is not None:
            told[status] += count
    if told:
        data = dict.fromkeys(OutcomeStatus.values, 0) | told
        outbox.announce(action="action.outcome_recorded", tenant_id=tenant_id, data=data)
    return [Arrived(day, arrived[day], outcomes[day]) for day in sorted(arrived)]


_FIND = """
    SELECT id FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s
"""

# By day, and by the status that the partner is told of. A note has the time of the transaction that wrote it, as the
# outcome has, so each outcome is told with one note. Of those that the partner reported itself it was told then, and
# actions of no integration of its are not its business.
_FORGET = """
    WITH forgotten AS (
        DELETE FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND id = ANY(%(changes)s)
        RETURNING action_id, due_at, delivered, outcome
    )
    SELECT (f.due_at AT TIME ZONE 'UTC')::date, t.outcome_status, count(*) FILTER (WHERE f.delivered),
           count(*) FILTER (WHERE f.outcome), count(*)
      FROM forgotten f LEFT JOIN (
        SELECT a.id, a.outcome_at, a.outcome_status
          FROM delivery_action a JOIN integrations_actiontype y ON y.tenant_id = a.tenant_id AND y.id = a.action_type_id
         WHERE a.tenant_id = %(tenant_id)s AND a.outcome_by <> 'partner' AND y.partner_id IS NOT NULL
      ) t ON t.id = f.action_id AND t.outcome_at = f.due_at
     WHERE f.delivered OR f.outcome OR t.id IS NOT NULL
     GROUP BY 1, 2
"""

"""What became of actions, noted for whoever hangs something on them: read before the work and forgotten after it, so
that a run that is killed loses none. In the tenant's context."""

from collections.abc import Sequence
from datetime import datetime
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


def forget(*, tenant_id: UUID, changes: Sequence[int]) -> None:
    """All that hangs on these has been seen to. The tenant's partner is told how many outcomes are among them."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"tenant_id": tenant_id, "changes": list(changes)})
        outcomes = dict(cursor.fetchall())
    if outcomes:
        data = dict.fromkeys(OutcomeStatus.values, 0) | outcomes
        outbox.announce(action="action.outcome_recorded", tenant_id=tenant_id, data=data)


_FIND = """
    SELECT id FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s
"""

# A note has the time of the transaction that wrote it, as the outcome has, so each outcome is counted with one note. Of
# those that the partner reported itself it was told then, and actions of no integration of its are not its business.
_FORGET = """
    WITH forgotten AS (
        DELETE FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND id = ANY(%(changes)s)
        RETURNING action_id, due_at
    )
    SELECT a.outcome_status, count(*)
      FROM forgotten f
      JOIN delivery_action a ON a.tenant_id = %(tenant_id)s AND a.id = f.action_id AND a.outcome_at = f.due_at
      JOIN integrations_actiontype t ON t.tenant_id = %(tenant_id)s AND t.id = a.action_type_id
     WHERE a.outcome_by <> 'partner' AND t.partner_id IS NOT NULL
     GROUP BY a.outcome_status
"""

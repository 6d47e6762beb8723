"""What became of actions, noted for whoever hangs something on them: read before the work and forgotten after it, so
that a run that is killed loses none. In the tenant's context."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

MOST = 50_000  # the rest is the next run's


def find(*, tenant_id: UUID, now: datetime) -> list[int]:
    """The notes that are due, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"tenant_id": tenant_id, "now": now, "limit": MOST})
        return [change for (change,) in cursor.fetchall()]


def forget(*, tenant_id: UUID, changes: Sequence[int]) -> None:
    """All that hangs on these has been seen to."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"tenant_id": tenant_id, "changes": list(changes)})


_FIND = """
    SELECT id FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s
"""

_FORGET = "DELETE FROM delivery_actionchange WHERE tenant_id = %(tenant_id)s AND id = ANY(%(changes)s)"

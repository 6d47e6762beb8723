"""How long actions are kept, and what receivers answered."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from tenants.upkeep import forgetting

KEPT_FOR = timedelta(days=400)  # actions that ended, with their attempts
ANSWERS_KEPT_FOR = timedelta(days=30)  # what an attempt's receiver said; that it was made stays


def forget(*, tenant_id: UUID, now: datetime, batch: int = forgetting.BATCH) -> dict[str, int]:
    """Delete what is past its time, in transactions of its own; how many rows, by kind."""
    key = {"tenant_id": tenant_id, "limit": batch}
    through = partial(forgetting.oldest_first, tenant_id=tenant_id, batch=batch)
    return {
        "actions": through(forgetting.by(_ACTIONS, **key, before=now - KEPT_FOR)),
        "answers": through(forgetting.by(_ANSWERS, **key, before=now - ANSWERS_KEPT_FOR)),
    }


# Attempts go with their action, by the foreign key.
_ACTIONS = """
    WITH old AS MATERIALIZED (
        SELECT id, created_at FROM delivery_action
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(after)s AND created_at < %(before)s
          AND status NOT IN ('pending', 'dispatched')
        ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM delivery_action WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM old))
    )
    SELECT count(*), max(created_at) FROM old
"""

# By their places in the table, which hold while the rows are locked: their key is of two columns.
_ANSWERS = """
    WITH old AS MATERIALIZED (
        SELECT ctid, started_at FROM delivery_attempt
        WHERE tenant_id = %(tenant_id)s AND started_at >= %(after)s AND started_at < %(before)s AND response <> ''
        ORDER BY started_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ), gone AS (
        UPDATE delivery_attempt SET response = ''
        WHERE tenant_id = %(tenant_id)s AND ctid = ANY(ARRAY(SELECT ctid FROM old))
    )
    SELECT count(*), max(started_at) FROM old
"""

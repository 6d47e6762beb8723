"""How long examples and remembered decisions are kept: what was learned of them stays, in sums."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from learning.services import KEPT_DAYS
from tenants.upkeep import forgetting


def forget(*, tenant_id: UUID, now: datetime, batch: int = forgetting.BATCH) -> dict[str, int]:
    """Delete what is past its time, in transactions of its own; how many rows, by kind."""
    parameters = {"tenant_id": tenant_id, "limit": batch, "before": now - timedelta(days=KEPT_DAYS)}
    through = partial(forgetting.oldest_first, tenant_id=tenant_id, batch=batch)
    return {
        "examples": through(forgetting.by(_EXAMPLES, **parameters)),
        "remembered": through(forgetting.by(_REMEMBERED, **parameters)),
    }


# What has features waits to be folded, however long.
_EXAMPLES = """
    WITH old AS MATERIALIZED (
        SELECT decision_id, recorded_at FROM learning_example
        WHERE tenant_id = %(tenant_id)s AND recorded_at >= %(after)s AND recorded_at < %(before)s AND features IS NULL
        ORDER BY recorded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM learning_example
        WHERE tenant_id = %(tenant_id)s AND decision_id = ANY(ARRAY(SELECT decision_id FROM old))
    )
    SELECT count(*), max(recorded_at) FROM old
"""

_REMEMBERED = """
    WITH old AS MATERIALIZED (
        SELECT decision_id, decided_at FROM learning_remembereddecision
        WHERE tenant_id = %(tenant_id)s AND decided_at >= %(after)s AND decided_at < %(before)s
        ORDER BY decided_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM learning_remembereddecision
        WHERE tenant_id = %(tenant_id)s AND decision_id = ANY(ARRAY(SELECT decision_id FROM old))
    )
    SELECT count(*), max(decided_at) FROM old
"""

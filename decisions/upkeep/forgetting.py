"""How long decisions and interventions are kept. Playbooks' entries stay, one for each user that was ever in one.

An entry says which of its steps are done: no step comes again when its intervention is forgotten.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

import delivery.forgetting
import learning.forgetting
from decisions.lift.trial import LEDGER_DAYS
from decisions.models import NEVER_HAPPENED, PENDING, InterventionStatus
from decisions.playbooks import interventions
from decisions.upkeep import aftermath
from events import next_actions
from tenants.upkeep import forgetting

KEPT_DAYS = LEDGER_DAYS  # guardrails look back 90
KEPT_FOR = timedelta(days=KEPT_DAYS)


def forget_tenant(tenant_id: UUID) -> Counter[str]:
    """All that is past its time, in this room and those below it; how many rows, by kind. For a periodic job."""
    now = datetime.now(UTC)
    # First: for suspended tenants nothing else does it, and no cost is settled once its action is gone.
    aftermath.settle_tenant(tenant_id, now=now)
    counts = forget(tenant_id=tenant_id, now=now)
    counts |= delivery.forgetting.forget(tenant_id=tenant_id, now=now)
    counts |= learning.forgetting.forget(tenant_id=tenant_id, now=now)
    return Counter(counts)


def forget(*, tenant_id: UUID, now: datetime, batch: int = forgetting.BATCH) -> dict[str, int]:
    """Delete what is past its time, in transactions of its own; how many rows, by kind."""
    parameters: dict[str, Any] = {"tenant_id": tenant_id, "limit": batch, "before": now - KEPT_FOR}
    through = partial(forgetting.oldest_first, tenant_id=tenant_id, batch=batch)
    return {
        "interventions": through(partial(_forget_interventions, parameters)),
        "decisions": through(forgetting.by(_DECISIONS, **parameters)),
    }


def _forget_interventions(parameters: dict[str, Any], after: datetime) -> tuple[int, datetime]:
    """One that was sent, and that nothing was heard of, is its user's next action until it goes."""
    tenant_id = parameters["tenant_id"]
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(_INTERVENTIONS, {**parameters, "after": after})
        gone, newest, users = cursor.fetchone()
    interventions.refresh_next_actions(tenant_id=tenant_id, users=users)
    return gone, newest


# What may yet be acted on stays, and what a playbook's limit that looks further back still counts.
_INTERVENTIONS = f"""
    WITH old AS MATERIALIZED (
        SELECT id, user_id, planned_at, status FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND planned_at >= %(after)s AND planned_at < %(before)s
          AND status NOT IN ({interventions.literals(PENDING)}) AND coalesce(sent_at, planned_at) < %(before)s
          AND (playbook_id IS NULL OR status IN ({interventions.literals(NEVER_HAPPENED)}) OR playbook_id <> ALL (ARRAY(
              SELECT id FROM decisions_playbook
              WHERE tenant_id = %(tenant_id)s AND (
                  (constraints ->> 'cooldown_days')::int > {KEPT_DAYS}
                  OR (constraints ->> 'period_days')::int > {KEPT_DAYS}
                  OR constraints ->> 'max_per_user' IS NOT NULL AND constraints ->> 'period_days' IS NULL
              )
          )))
        ORDER BY planned_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM old))
    )
    SELECT count(*), max(planned_at),
        ARRAY(SELECT DISTINCT user_id FROM old WHERE status = '{InterventionStatus.SENT}' ORDER BY user_id)
    FROM old
"""

# A conversion may still be noted until it is closed, and money until it is settled.
_DECISIONS = """
    WITH old AS MATERIALIZED (
        SELECT id, created_at FROM decisions_decision
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(after)s AND created_at < %(before)s
          AND closed_at IS NOT NULL AND cost_state IS DISTINCT FROM 'reserved'
        ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM decisions_decision WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM old))
    )
    SELECT count(*), max(created_at) FROM old
"""

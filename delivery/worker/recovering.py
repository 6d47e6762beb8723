"""Recoveries: taken a batch further once a second, and told of when they end."""

from uuid import UUID

import structlog
from django.db import connection

from delivery.worker.queues import AWAY
from tenants import outbox
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")

# As many actions of a recovery are sent again in a second: other actions to its endpoint get there beside them.
BATCH = 200
PAUSE_SECONDS = 1.0


def advance(*, most: int = BATCH, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Take each recovery that is due a batch further, and end those that are done. One with a fault rests a minute."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM advance_recoveries(%s::int, make_interval(secs => %s))", [most, pause_seconds])
        ended = cursor.fetchall()
    for tenant_id, recovery_id, is_stopped, fault in ended:
        if fault:
            log.error("recovery_failed", tenant_id=str(tenant_id), recovery_id=recovery_id, sqlstate=fault)
            continue
        try:
            _end(tenant_id, recovery_id, "stopped" if is_stopped else "completed")
        except AWAY:
            raise
        except Exception as error:  # it must not keep the others from being ended
            log.error("recovery_failed", tenant_id=str(tenant_id), recovery_id=recovery_id, exc_info=error)
            _rest(tenant_id, recovery_id)


def _rest(tenant_id: UUID, recovery_id: str) -> None:
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_REST, {"tenant_id": tenant_id, "id": recovery_id})


def _end(tenant_id: UUID, recovery_id: str, status: str) -> None:
    """With its event, in one transaction. A worker that dies before leaves it to be ended by the next batch."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_END, {"tenant_id": tenant_id, "id": recovery_id, "status": status})
        row = cursor.fetchone()
        if row is None:
            return
        endpoint_id, url, since, until, replayed = row
        outbox.record(
            actor=outbox.SYSTEM,
            action="endpoint.recovery_finished",
            tenant_id=tenant_id,
            target=outbox.Target("endpoint", endpoint_id),
            data={
                "status": status,
                "replayed": replayed,
                "recovery_id": recovery_id,
                "since": since,
                "until": until,
                "endpoint_id": endpoint_id,
                "url": url,
            },
        )


_REST = """
    UPDATE delivery_recovery SET due_at = clock_timestamp() + interval '1 minute'
     WHERE tenant_id = %(tenant_id)s AND id = %(id)s
"""

_END = """
    UPDATE delivery_recovery r SET status = %(status)s, finished_at = now()
      FROM delivery_endpoint e
     WHERE r.tenant_id = %(tenant_id)s AND r.id = %(id)s AND r.status = 'running'
       AND e.tenant_id = r.tenant_id AND e.id = r.endpoint_id
    RETURNING e.id, e.url, r.since, r.until, r.replayed
"""

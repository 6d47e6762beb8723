"""Partners' events for their webhooks: handed out, leased, read, and what came of them recorded.

As with actions, what is found across partners is identifiers; everything else happens in the partner's context.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog
from django.db import connection

from delivery.models import FailureReason
from delivery.worker import queues
from delivery.worker.queues import Lease, Queue, Result, Room
from retivo.api.json import encode
from tenants import feed, outbox
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")


@dataclass(frozen=True, kw_only=True)
class DeliveryLease(Lease):
    """An event that is ours to send to a webhook until the lease ends."""

    webhook_id: str

    @property
    def queue(self) -> Queue["DeliveryLease"]:
        return QUEUE

    @property
    def names(self) -> dict[str, str]:
        return {"webhook_id": self.webhook_id, "event_id": self.message_id}


def fan_out() -> int:
    """Make deliveries of the next events for webhooks that have not got them yet; how many events were passed.

    A reader with a fault is logged, and rests.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hand_out_events()")
        readers = cursor.fetchall()
    for tenant_id, reader_id, _, fault in readers:
        if fault:
            log.error("events_not_handed_out", tenant_id=str(tenant_id), reader_id=reader_id, sqlstate=fault)
    return sum(passed for _, _, passed, _ in readers)


def claim(room: Room) -> list[DeliveryLease]:
    """Lease due deliveries, within the bounds that actions have."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, room.parameters)
        claimed = sorted(cursor.fetchall(), key=lambda row: row[0])
    by_tenant = [
        (tenant_id, {(row[1], row[2]): row[3:] for row in rows})
        for tenant_id, rows in groupby(claimed, key=lambda row: row[0])
    ]
    return queues.each_apart(by_tenant, lambda found: _read(*found), what="deliveries_not_read")


def _read(tenant_id: UUID, flags: dict[tuple[str, str], Sequence[bool]]) -> list[DeliveryLease]:
    webhooks, events = zip(*flags, strict=True)
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_READ, {"webhook_ids": list(webhooks), "event_ids": list(events)})
        rows = cursor.fetchall()
    return [_lease(tenant_id, row, flags[row[0], row[1]]) for row in rows]


def _lease(tenant_id: UUID, row: Sequence[Any], flags: Sequence[bool]) -> DeliveryLease:
    webhook_id, event_id, number, replayed_from, url, body, request_id, *tokens = row
    is_failing, is_slow = flags
    step = number - replayed_from
    secrets: tuple[str, ...] = ()
    try:
        secrets = queues.secrets(tokens)
        refusal = queues.spent(step)
    except Exception as error:  # one that cannot be prepared must not stop the others
        log.error("delivery_not_prepared", webhook_id=webhook_id, event_id=event_id, exc_info=error)
        refusal = FailureReason.INTERNAL_ERROR
    return DeliveryLease(
        tenant_id=tenant_id,
        message_id=event_id,
        webhook_id=webhook_id,
        request_id=request_id,
        number=number,
        step=step,
        url=url,
        endpoint_owner_id=tenant_id,
        endpoint_is_failing=is_failing,
        endpoint_is_slow=is_slow,
        secrets=secrets,
        body=body.encode(),
        refusal=refusal,
    )


def _record(tenant_id: UUID, results: Sequence[Result[DeliveryLease]]) -> None:
    rows = [
        {"webhook_id": result.lease.webhook_id, "event_id": result.lease.message_id, **queues.row(result)}
        for result in results
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"tenant_id": tenant_id, "rows": encode(rows).decode()})


def _tell_failed(owner_id: UUID, url: str, results: Sequence[Result[DeliveryLease]]) -> None:
    """A webhook that is gone is off, which others are told."""
    gone = sorted({each.lease.webhook_id for each in results if each.reason == FailureReason.ENDPOINT_GONE})
    for webhook_id in gone:
        with connection.cursor() as cursor:
            cursor.execute(_DISABLE, {"tenant_id": owner_id, "webhook_id": webhook_id, "url": url})
            is_news = cursor.rowcount
        if is_news:
            outbox.record(
                actor=outbox.SYSTEM,
                action="webhook.disabled",
                tenant_id=owner_id,
                target=outbox.Target("webhook", webhook_id),
                data={"webhook_id": webhook_id, "url": url, "reason": FailureReason.ENDPOINT_GONE},
                changes={"active": {"from": True, "to": False}},
            )


QUEUE = Queue(name="webhooks", claim=claim, record=_record, tell_failed=_tell_failed)

_CLAIM = """
    SELECT * FROM claim_deliveries(%(wanted)s::int, %(per_endpoint)s::int, %(slow_wanted)s::int,
        %(per_slow_endpoint)s::int, %(seconds)s::int, %(slow_seconds)s::float8)
"""

_READ = f"""
    SELECT d.webhook_id, d.event_id, d.attempts, d.replayed_from, w.url, {feed.WIRE}, e.request_id,
           w.encrypted_secret, CASE WHEN w.previous_secret_until > now() THEN w.encrypted_previous_secret END
      FROM unnest(%(webhook_ids)s::text[], %(event_ids)s::text[]) AS leased (webhook_id, event_id)
      JOIN delivery_webhookdelivery d ON d.webhook_id = leased.webhook_id AND d.event_id = leased.event_id
      JOIN delivery_webhook w ON w.id = d.webhook_id AND w.deleted_at IS NULL
      JOIN tenants_partnerevent e ON e.id = d.event_id
"""  # noqa: S608  # a constant

# As with actions: an attempt is stored whoever else has the delivery by now; what it means counts if the lease is still
# this one, or if it is good news. Of a customer that is gone by then, no answer is kept: it may repeat the event.
_RECORD = f"""
    WITH row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (webhook_id text, event_id text, {queues.ROW})
    ), locked AS MATERIALIZED (
        SELECT d.webhook_id, d.event_id FROM delivery_webhookdelivery d
          JOIN row r ON r.webhook_id = d.webhook_id AND r.event_id = d.event_id
         ORDER BY d.webhook_id, d.event_id FOR NO KEY UPDATE OF d
    ), attempt AS (
        INSERT INTO delivery_webhookattempt
            (tenant_id, webhook_id, event_id, number, started_at, latency_ms, status_code, error, response)
        SELECT %(tenant_id)s, r.webhook_id, r.event_id, r.number, r.started_at, r.latency_ms, r.status_code, r.error,
               CASE WHEN EXISTS (
                   SELECT FROM tenants_partnerevent e
                   WHERE e.id = r.event_id AND e.customer_id IS NOT NULL
                     AND NOT EXISTS (SELECT FROM tenants_tenant c WHERE c.id = e.customer_id)
               ) THEN '' ELSE r.response END
          FROM row r JOIN locked l ON l.webhook_id = r.webhook_id AND l.event_id = r.event_id
         WHERE r.sent AND NOT EXISTS (
            SELECT FROM tenants_tenant t WHERE t.id = %(tenant_id)s AND t.delete_at IS NOT NULL
         )
        ON CONFLICT DO NOTHING
    )
    UPDATE delivery_webhookdelivery d SET
        status = CASE WHEN r.delivered THEN 'delivered' WHEN r.reason <> '' THEN 'failed' ELSE d.status END,
        failure_reason = r.reason,
        attempts = d.attempts - CASE WHEN r.sent THEN 0 ELSE 1 END,
        delivered_at = CASE WHEN r.delivered THEN r.started_at + make_interval(secs => r.latency_ms / 1000.0) END,
        due_at = coalesce(clock_timestamp() + make_interval(secs => r.wait), d.due_at),
        leased_until = NULL
      FROM row r JOIN locked l ON l.webhook_id = r.webhook_id AND l.event_id = r.event_id
     WHERE d.webhook_id = r.webhook_id AND d.event_id = r.event_id AND d.delivered_at IS NULL
       AND (r.delivered OR d.attempts = r.number AND d.leased_until IS NOT NULL AND d.status = 'pending')
"""  # noqa: S608  # a constant

_DISABLE = """
    UPDATE delivery_webhook SET active = false, disabled_at = now(), updated_at = now()
     WHERE tenant_id = %(tenant_id)s AND id = %(webhook_id)s AND url = %(url)s AND active
"""

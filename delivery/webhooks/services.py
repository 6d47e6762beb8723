"""What a partner does with its webhooks, in its tenant context; staff replay in theirs."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from delivery.models import Webhook, WebhookAttempt, WebhookReader
from retivo import encryption
from retivo.api.errors import Problem, not_found
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor, cut_query
from tenants import feed, outbox

MOST = 20  # of a partner; each costs a row for each event


def create(
    *, actor: str, partner_id: UUID, url: str, types: Sequence[str] | None, description: str, active: bool
) -> tuple[Webhook, str]:
    """A webhook that gets the events from now on, and the secret that signs them: 64 hex characters.

    Args:
        types: None for events of all types, those that come to be later too.

    Raises:
        Problem: 403 `webhook_limit_reached`.
    """
    secret = secrets.token_hex(32)
    with connection.cursor() as cursor:
        # Two at once count one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('retivo.webhooks' || %s, 0))", [str(partner_id)])
    current = _of(partner_id).count()
    if current >= MOST:
        detail = f"A partner has {MOST} webhooks at most."
        raise Problem(
            403, "webhook_limit_reached", detail, extra={"current": current, "limit": MOST, "upgrade_to": None}
        )
    webhook = Webhook.objects.create(
        tenant_id=partner_id,
        url=url,
        types=types,
        description=description,
        active=active,
        encrypted_secret=encryption.encrypt(secret.encode()),
    )
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, {"partner_id": partner_id, "webhook_id": webhook.id})
    _tell(actor, "webhook.created", webhook)
    return webhook, secret


def page(*, partner_id: UUID, limit: int, after: Cursor | None) -> dict[str, Any]:
    """The partner's webhooks, oldest first."""
    rows = _of(partner_id).order_by("created_at", "id")
    if after is not None:
        rows = rows.extra(where=["(created_at, id) > (%s, %s)"], params=[after.created_at, after.id])
    found, next_cursor = cut_query(rows, limit, lambda webhook: (webhook.created_at, webhook.id))
    return {"webhooks": found, "total": _of(partner_id).count(), "next_cursor": next_cursor}


def get(*, partner_id: UUID, webhook_id: str) -> tuple[Webhook, WebhookReader | None]:
    """A webhook, and the newest replay to it.

    Raises:
        Problem: 404.
    """
    webhook = _find(partner_id, webhook_id)
    replays = WebhookReader.objects.filter(webhook_id=webhook_id, until_seq__isnull=False)
    return webhook, replays.order_by("-created_at").first()


def change(*, actor: str, partner_id: UUID, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
    """Change fields of a webhook. One that is switched on gets the events from then on, and what waited for it.

    Raises:
        Problem: 404.
    """
    webhook = _find(partner_id, webhook_id, for_update=True)
    before = {name: getattr(webhook, name) for name in changes}
    changed = [name for name, value in before.items() if value != changes[name]]
    if not changed:
        return webhook
    for name in changed:
        setattr(webhook, name, changes[name])
    if webhook.active:
        webhook.disabled_at = None
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (webhook.updated_at,) = cursor.fetchone()
        webhook.save(update_fields=[*changed, "disabled_at", "updated_at"])
        if "active" in changed and webhook.active:
            cursor.execute(_SKIP, {"partner_id": partner_id, "webhook_id": webhook_id})
    _tell(
        actor,
        "webhook.updated",
        webhook,
        {name: {"from": before[name], "to": changes[name]} for name in changed},
        changed=changed,
    )
    return webhook


def delete(*, actor: str, partner_id: UUID, webhook_id: str) -> None:
    """Nothing is sent to it any more; a periodic task deletes what was.

    Raises:
        Problem: 404.
    """
    webhook = _find(partner_id, webhook_id, for_update=True)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, {"partner_id": partner_id, "webhook_id": webhook_id})
    _tell(actor, "webhook.deleted", webhook)


def rotate_secret(
    *, actor: str, partner_id: UUID, webhook_id: str, now: datetime, overlap: timedelta
) -> tuple[str, datetime]:
    """A new secret, and until when the one before it signs too.

    Raises:
        Problem: 404.
    """
    webhook = _find(partner_id, webhook_id, for_update=True)
    secret = secrets.token_hex(32)
    webhook.encrypted_previous_secret = webhook.encrypted_secret
    webhook.previous_secret_until = now + overlap
    webhook.encrypted_secret = encryption.encrypt(secret.encode())
    webhook.save(update_fields=["encrypted_secret", "encrypted_previous_secret", "previous_secret_until"])
    _tell(actor, "webhook.secret_rotated", webhook)
    return secret, webhook.previous_secret_until


def test(*, actor: str, partner_id: UUID, webhook_id: str) -> str:
    """Send an event `webhook.tested` to a webhook; the event's id.

    Raises:
        Problem: 404, 409 `webhook_inactive`.
    """
    webhook = _active(partner_id, webhook_id)
    _tell(actor, "webhook.tested", webhook)
    with connection.cursor() as cursor:
        # An event has its number from the COMMIT on: without one is what this transaction wrote.
        cursor.execute(
            "SELECT id FROM tenants_partnerevent WHERE tenant_id = %s AND seq IS NULL AND type = 'webhook.tested'",
            [partner_id],
        )
        event_id: str = cursor.fetchone()[0]
    return event_id


def replay(
    *,
    actor: str,
    partner_id: UUID,
    webhook_id: str,
    after: str | None = None,
    since: datetime | None = None,
    types: Sequence[str] | None = None,
) -> WebhookReader:
    """Send past events to a webhook again, or for the first time: those behind the event `after`, or since a time.

    Args:
        types: of those that the webhook gets, only these.

    Raises:
        Problem: 404, 409 `webhook_inactive`, 409 `replay_running`, 410 `event_gone` where the feed has no such event.
    """
    webhook = _active(partner_id, webhook_id)
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, {"partner_id": partner_id, "after": after, "since": since})
        seq, until_seq = cursor.fetchone()
    if seq is None:
        raise event_gone()
    try:
        with transaction.atomic():
            reader = WebhookReader.objects.create(
                tenant_id=partner_id,
                webhook_id=webhook_id,
                seq=seq,
                until_seq=until_seq,
                types=types,
                completed_at=Now() if seq >= until_seq else None,  # there is nothing to send
            )
            reader.refresh_from_db(fields=["completed_at"])
    except IntegrityError as error:
        raise Problem(409, "replay_running", "A replay to this webhook is under way.") from error
    _tell(actor, "webhook.replay_started", webhook, replay_id=reader.id)
    return reader


def attempts(*, partner_id: UUID, webhook_id: str, limit: int, after: Cursor | None) -> dict[str, Any]:
    """A page of the attempts to send to a webhook, newest first.

    Raises:
        Problem: 404.
    """
    _find(partner_id, webhook_id)
    return _ATTEMPTS.page(tenant_id=partner_id, limit=limit, after=after, where={"webhook_id": webhook_id}).named(
        "attempts"
    )


def event_gone() -> Problem:
    detail = f"Your feed has no such event; it keeps {feed.DAYS_KEPT} days. Start again without `after`."
    return Problem(410, "event_gone", detail)


def _of(partner_id: UUID) -> Any:
    return Webhook.objects.filter(tenant_id=partner_id, deleted_at=None)


def _find(partner_id: UUID, webhook_id: str, *, for_update: bool = False) -> Webhook:
    rows = _of(partner_id).filter(id=webhook_id)
    webhook: Webhook | None = (rows.select_for_update(no_key=True) if for_update else rows).first()
    if webhook is None:
        raise not_found()
    return webhook


def _active(partner_id: UUID, webhook_id: str) -> Webhook:
    webhook = _find(partner_id, webhook_id)
    if not webhook.active:
        raise Problem(409, "webhook_inactive", "This webhook is off: set `active` to true first.")
    return webhook


def _tell(
    actor: str, action: str, webhook: Webhook, changes: Mapping[str, outbox.Change] | None = None, **data: Any
) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=webhook.tenant_id,
        target=outbox.Target("webhook", webhook.id),
        data={"webhook_id": webhook.id, "url": webhook.url, **data},
        changes=changes,
    )


_ATTEMPT = ("event_id", "number", "started_at", "latency_ms", "status_code", "error", "response")

_ATTEMPTS: Listing[WebhookAttempt] = Listing(
    table="delivery_webhookattempt",
    columns=", ".join(f"t.{name}" for name in _ATTEMPT),
    read=lambda row: WebhookAttempt(**dict(zip(_ATTEMPT, row, strict=True))),
    order=("started_at", "event_id"),
    descending=True,
    indexed=frozenset({"webhook_id"}),
)

_FOLLOW = """
    INSERT INTO delivery_webhookreader (tenant_id, webhook_id, seq, events)
    SELECT %(partner_id)s, %(webhook_id)s,
           coalesce((SELECT h.seq FROM tenants_eventhead h WHERE h.tenant_id = %(partner_id)s), 0), 0
"""

_SKIP = """
    UPDATE delivery_webhookreader r SET seq = greatest(r.seq, h.seq)
      FROM tenants_eventhead h
     WHERE r.tenant_id = %(partner_id)s AND r.webhook_id = %(webhook_id)s AND r.until_seq IS NULL
       AND h.tenant_id = r.tenant_id
"""

_DELETE = """
    UPDATE delivery_webhook
       SET deleted_at = now(), active = false, encrypted_secret = NULL, encrypted_previous_secret = NULL
     WHERE tenant_id = %(partner_id)s AND id = %(webhook_id)s
"""

# Where a replay begins, null where there is no such event, and where it ends.
#
# An event has the time at which its transaction began, and its number from the end: one that is older may have a higher
# number. No transaction that writes events takes an hour. So what began an hour before `since` has a lower number than
# all that are asked for, and the first of these is found by an index, among the events of that hour.
_PLACE = """
    SELECT CASE WHEN %(after)s::text IS NOT NULL
                THEN (SELECT e.seq FROM tenants_partnerevent e
                       WHERE e.tenant_id = h.tenant_id AND e.id = %(after)s)
                ELSE coalesce((
                    SELECT e.seq - 1 FROM tenants_partnerevent e
                     WHERE e.tenant_id = h.tenant_id AND e.created_at >= %(since)s::timestamptz
                       AND e.seq > (
                           SELECT coalesce(max(b.seq), 0) FROM (
                               SELECT o.seq FROM tenants_partnerevent o
                                WHERE o.tenant_id = h.tenant_id AND o.seq IS NOT NULL
                                  AND o.created_at < %(since)s::timestamptz - interval '1 hour'
                                ORDER BY o.created_at DESC, o.id DESC LIMIT 1
                           ) b
                       )
                     ORDER BY e.seq LIMIT 1
                ), h.seq)
           END, h.seq
      FROM (SELECT %(partner_id)s::uuid AS tenant_id) p
      JOIN tenants_eventhead h ON h.tenant_id = p.tenant_id
"""

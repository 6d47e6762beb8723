"""What a partner does with its endpoints, in its tenant context; staff do it in theirs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.endpoints import queries
from delivery.models import Certification, Endpoint, Recovery, RecoveryStatus
from delivery.services import CHANNEL
from retivo.api.errors import FieldError, Problem, not_found, validation_failed
from tenants import outbox


def enable(*, actor: str, owner_id: UUID, endpoint_id: UUID) -> None:
    """Take an endpoint back that was disabled, and close its circuit: what is due for it is sent at once.

    One to which things are sent as usual stays as it is.

    Raises:
        Problem: 404.
    """
    rows = Endpoint.objects.filter(tenant_id=owner_id, id=endpoint_id)
    endpoint = rows.select_for_update(no_key=True).first()
    if endpoint is None:
        raise not_found()
    if endpoint.disabled_at is None and not endpoint.consecutive_failures:
        return
    before = endpoint.status
    rows.update(consecutive_failures=0, openings=0, open_until=None, disabled_at=None)
    endpoint.refresh_from_db(fields=["status"])  # which a trigger tells
    # What is no partner's integration is its owner's own affair.
    action = "endpoint.enabled" if endpoint.registered_at else "endpoint.reset"
    _tell(actor, action, endpoint, {"status": before}, status=endpoint.status)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_notify('{CHANNEL}', '')")


def recover(
    *,
    actor: str,
    partner_id: UUID,
    endpoint_id: UUID,
    since: datetime,
    until: datetime | None = None,
) -> Recovery:
    """Send failed actions to an endpoint again, those of all customers, which a worker does a batch at a time.

    There is one recovery of a window: asked for twice it is the same, and goes on if it was stopped.

    Args:
        since: of actions dispatched from then on, and before `until`.

    Raises:
        Problem: 404, 400 for a window that ends before it begins, 409 `endpoint_disabled`, 409 `recovery_in_progress`
            while one of another window is.
    """
    endpoint = queries.find(partner_id=partner_id, endpoint_id=endpoint_id)
    window: dict[str, Any] = {"endpoint_id": endpoint_id, "since": since, "until": until}
    counts = _recoverable(partner_id, **window)
    if endpoint.disabled_at is not None:
        detail = "This endpoint is disabled, so all would fail again. Enable it first."
        raise Problem(409, "endpoint_disabled", detail)
    _check_no_other(partner_id, **window)
    with connection.cursor() as cursor:
        cursor.execute(_RECOVER, {"partner_id": partner_id, **window, **counts})
        (recovery_id,) = row if (row := cursor.fetchone()) else (None,)
    rows = Recovery.objects.filter(tenant_id=partner_id, endpoint_id=endpoint_id)
    recovery = rows.get(id=recovery_id) if recovery_id else rows.get(since=since, until=until)
    if recovery_id is not None:
        _tell(actor, "endpoint.recovery_started", endpoint, **_data(recovery))
    return recovery


def recoverable(
    *, partner_id: UUID, endpoint_id: UUID, since: datetime, until: datetime | None = None
) -> dict[str, Any]:
    """What `recover` would do, without doing it: how many `actions` it would send, and of how many `customers`.

    Raises:
        Problem: 404, 400 for a window that ends before it begins.
    """
    queries.find(partner_id=partner_id, endpoint_id=endpoint_id)
    return {
        "since": since,
        "until": until,
        **_recoverable(partner_id, endpoint_id=endpoint_id, since=since, until=until),
    }


def _recoverable(partner_id: UUID, *, endpoint_id: UUID, since: datetime, until: datetime | None) -> dict[str, int]:
    if until is not None and until <= since:
        fault = FieldError(pointer="/until", code="not_after_since", detail="Must be after `since`.")
        raise validation_failed([fault])
    asked: dict[str, Any] = {
        "partner_id": partner_id,
        "endpoint_id": endpoint_id,
        "since": since,
        "until": until,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECOVERABLE, asked)
        actions, customers = cursor.fetchone()
    return {"actions": actions, "customers": customers}


def _check_no_other(partner_id: UUID, *, endpoint_id: UUID, since: datetime, until: datetime | None) -> None:
    """Whoever begins one waits for the endpoint's row: `recovery_one_at_a_time` is not run into."""
    Endpoint.objects.select_for_update(no_key=True).get(tenant_id=partner_id, id=endpoint_id)
    running = Recovery.objects.filter(tenant_id=partner_id, endpoint_id=endpoint_id, status=RecoveryStatus.RUNNING)
    other = running.exclude(since=since, until=until).first()
    if other is not None:
        detail = "A recovery of another window of this endpoint is under way: wait until it is over."
        raise Problem(409, "recovery_in_progress", detail, extra={"recovery_id": other.id})


def certify(*, actor: str, partner_id: UUID, endpoint_id: UUID, integration_id: UUID | None = None) -> Certification:
    """Try an endpoint with probes, which a worker sends. While one is tried for an integration it is the same.

    Args:
        integration_id: whose secret signs; may be left out where one integration alone sends there.

    Raises:
        Problem: 404, also for an integration that does not send there; 409 `several_integrations` where one has to be
            named, or `endpoint_unused`.
    """
    endpoint = queries.find(partner_id=partner_id, endpoint_id=endpoint_id)
    integration_id = _sender(queries.integrations(partner_id=partner_id, endpoint=endpoint), integration_id)
    asked: dict[str, Any] = {
        "partner_id": partner_id,
        "endpoint_id": endpoint_id,
        "url": endpoint.url,
        "integration_id": integration_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CERTIFY, asked)
        row = cursor.fetchone()
    running = Certification.objects.filter(
        tenant_id=partner_id, endpoint_id=endpoint_id, integration_id=integration_id
    ).select_related("integration")
    if row is None:
        newest: Certification | None = running.order_by("created_at").last()
        if newest is None:
            raise _unused()  # its address was corrected a moment ago
        return newest  # it has just been begun, or has ended a moment ago
    certification = running.get(id=row[0])
    _tell(
        actor,
        "endpoint.certification_started",
        endpoint,
        certification_id=certification.id,
        integration_id=integration_id,
        provider=certification.integration.provider,
    )
    return certification


def _sender(senders: list[UUID], named: UUID | None) -> UUID:
    """The integration whose secret signs the probes."""
    if named is None and len(senders) == 1:
        return senders[0]
    if named is not None and named in senders:
        return named
    if not senders:
        raise _unused()
    if named is not None:
        detail = "You have no such integration, or it does not send to this endpoint."
        raise not_found([FieldError(pointer="/integration_id", code="not_found", detail=detail)])
    raise Problem(409, "several_integrations", "Several integrations send there: name one in `integration_id`.")


def _unused() -> Problem:
    return Problem(409, "endpoint_unused", "No integration of yours sends to this endpoint any more.")


def _data(recovery: Recovery) -> dict[str, Any]:
    names = ("actions", "customers", "since", "until")
    return {"recovery_id": recovery.id, **{name: getattr(recovery, name) for name in names}}


def _tell(actor: str, action: str, endpoint: Endpoint, previous: Mapping[str, Any] | None = None, **data: Any) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=endpoint.tenant_id,
        target=outbox.Target("endpoint", endpoint.id),
        data={"endpoint_id": endpoint.id, "url": endpoint.url, **data},
        previous=previous,
    )


_RECOVERABLE = """
    SELECT * FROM recoverable_actions(
        %(partner_id)s::uuid, %(endpoint_id)s::uuid, %(since)s::timestamptz, %(until)s::timestamptz
    )
"""

# A row where it begins, or goes on after it was stopped.
_RECOVER = """
    INSERT INTO delivery_recovery AS r (tenant_id, endpoint_id, since, until, actions, customers)
    VALUES (%(partner_id)s, %(endpoint_id)s, %(since)s, %(until)s::timestamptz, %(actions)s, %(customers)s)
    ON CONFLICT (tenant_id, endpoint_id, since, until) DO UPDATE
       SET status = 'running', finished_at = NULL, due_at = now() WHERE r.status = 'stopped'
    RETURNING id
"""

_CERTIFY = """
    INSERT INTO delivery_certification (tenant_id, endpoint_id, integration_id, secret_version, revision)
    SELECT %(partner_id)s, %(endpoint_id)s, %(integration_id)s,
           (SELECT max(v.version) FROM integrations_secretversion v WHERE v.integration_id = %(integration_id)s),
           max(m.revision)
      FROM integrations_revisiontemplate m
     WHERE m.integration_id = %(integration_id)s AND m.delivery_webhook = %(url)s HAVING count(*) > 0
    ON CONFLICT (tenant_id, endpoint_id, integration_id) WHERE status = 'running' DO NOTHING
    RETURNING id
"""

"""The actions that are due: leased, read, and what came of them recorded.

Leasing and expiring work across tenants and learn identifiers alone; everything else happens in a tenant's context, one
transaction for all of its actions in a batch. Times are the database's: hosts need not agree on theirs.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import connection

from delivery.models import RECOVERABLE, FailureReason
from delivery.outcomes import answers, tokens
from delivery.outcomes import services as outcomes
from delivery.outcomes.services import OfAction
from delivery.worker import endpoints, queues
from delivery.worker.queues import Lease, Queue, Result, Room
from events import next_actions
from integrations.parameters import checking
from retivo.api.json import encode
from tenants import outbox
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")

_EXPIRED_AT_ONCE = 10_000  # as expire_actions() has it

# What may be spent on checking the parameters of a batch before its leases are handed out; the rest are checked later,
# each by itself.
_CHECKING_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class ActionLease(Lease):
    """An action that is ours to send until the lease ends."""

    action_type: str
    integration_id: UUID | None
    unchecked: tuple[str, str] | None = None  # a schema and the parameters, to be checked by `checked` before sending

    @property
    def action_id(self) -> str:
        return self.message_id

    @property
    def queue(self) -> Queue["ActionLease"]:
        return QUEUE

    @property
    def names(self) -> dict[str, str]:
        return {"action_id": self.message_id}

    @property
    def is_of_partner(self) -> bool:
        return self.integration_id is not None

    @property
    def is_checked(self) -> bool:
        return self.unchecked is None

    def checked(self) -> Lease:
        assert self.unchecked is not None  # noqa: S101  # for mypy
        schema, parameters = self.unchecked
        return replace(self, unchecked=None, refusal=_fault(self.tenant_id, schema, parameters))


def claim(room: Room) -> list[ActionLease]:
    """Lease due actions; of one endpoint no more are in flight over all workers than there is room for.

    Of what takes long to check it leaves the checking to `checked`, so that nobody waits for it but its own tenant.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, room.parameters)
        claimed = sorted(cursor.fetchall(), key=lambda row: row[0])
    until = time.monotonic() + _CHECKING_SECONDS
    by_tenant = [
        (tenant_id, {action_id: tuple(flags) for _, action_id, *flags in rows})
        for tenant_id, rows in groupby(claimed, key=lambda row: row[0])
    ]
    return queues.each_apart(by_tenant, lambda found: _read(*found, until), what="actions_not_read")


def expire() -> int:
    """End all that is past its expiry; how many those were."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT expire_actions()")
            expired: int = cursor.fetchone()[0]
        total += expired
        if expired < _EXPIRED_AT_ONCE:
            return total


def _read(tenant_id: UUID, flags: dict[str, tuple[bool, ...]], until: float) -> list[ActionLease]:
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_READ, {"tenant_id": tenant_id, "ids": list(flags)})
        rows = cursor.fetchall()
    return [_lease(tenant_id, row, flags[row[0]], until) for row in rows]


def _lease(tenant_id: UUID, row: Sequence[Any], flags: Sequence[bool], until: float) -> ActionLease:
    (id, number, replayed_from, name, provider, domain, user_id, decision_id, parameters, created_at, expires_at) = row[
        :11
    ]
    (is_expired, stopped_by, url, schema, owner_id, integration_id, request_id, *encrypted) = row[11:]
    is_failing, is_slow, is_gone = flags
    body = {
        "action_id": id,
        "action_type": name,
        "provider": provider,
        "tenant_id": tenant_id,
        "user_id": user_id,
        "parameters": msgspec.Raw(parameters.encode()),
        "decision_id": decision_id,
        "domain": domain,
        "created_at": created_at,
        "expires_at": expires_at,
    }
    step = number - replayed_from
    secrets: tuple[str, ...] = ()
    unchecked = None
    try:
        secrets = queues.secrets(encrypted)
        if url_of_outcome := tokens.url(tenant_id=tenant_id, action_id=id, expires_at=expires_at):
            body["outcome_url"] = url_of_outcome
        gone = FailureReason.ENDPOINT_GONE if is_gone else ""
        refusal = stopped_by or gone or queues.spent(step)
        if not refusal:  # the schema may have changed since the parameters were checked
            if time.monotonic() < until and checking.is_light(schema, parameters):
                refusal = _fault(tenant_id, schema, parameters)
            else:
                unchecked = schema, parameters
    except Exception as error:  # one that cannot be prepared must not stop the others
        log.error("action_not_prepared", action_id=id, request_id=request_id, exc_info=error)
        refusal = FailureReason.INTERNAL_ERROR
    return ActionLease(
        tenant_id=tenant_id,
        message_id=id,
        action_type=name,
        integration_id=integration_id,
        request_id=request_id,
        number=number,
        step=step,
        url=url,
        endpoint_owner_id=owner_id,
        endpoint_is_failing=is_failing,
        endpoint_is_slow=is_slow,
        secrets=secrets,
        body=encode(body),
        is_expired=is_expired,
        refusal=refusal,
        unchecked=unchecked,
    )


def _fault(tenant_id: UUID, schema: str, parameters: str) -> str:
    faults = checking.check(schema, msgspec.json.decode(parameters), owner=tenant_id)
    if not faults:
        return ""
    is_costly = faults[0]["code"] == checking.TOO_COSTLY
    return FailureReason.PARAMETERS_TOO_COSTLY if is_costly else FailureReason.INVALID_PARAMETERS


def _record(tenant_id: UUID, results: Sequence[Result[ActionLease]]) -> None:
    rows, told = [], []
    for result in results:
        answer, id = result.answer, result.lease.action_id
        reading = answers.read(answer.body) if answer and result.delivered else answers.Reading()
        rows.append({"id": id, **queues.row(result), "outcome_refusal": reading.refusal})
        if reading.outcome:
            told.append(OfAction(action_id=id, **reading.outcome))
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"tenant_id": tenant_id, "rows": encode(rows).decode()})
    if told:
        outcomes.record_answered(tenant_id=tenant_id, outcomes=told)


def _tell_failed(owner_id: UUID, url: str, results: Sequence[Result[ActionLease]]) -> None:
    """Count failures of a partner's integrations; the first of an endpoint and reason in an hour is its event.

    One that is counted twice, or not at all, since a worker died in between, does no harm: it is a sample.
    """
    by_reason: dict[str, list[ActionLease]] = {}
    for result in results:
        if result.lease.is_of_partner:
            by_reason.setdefault(result.reason, []).append(result.lease)
    if failed := sum(len(leases) for reason, leases in by_reason.items() if reason in RECOVERABLE):
        endpoints.count_failed(owner_id, url, failed)
    for reason, leases in by_reason.items():
        with connection.cursor() as cursor:
            cursor.execute(
                _COUNT_FAILED,
                {
                    "tenant_id": owner_id,
                    "endpoint_id": endpoints.endpoint_id(owner_id, url),
                    "reason": reason,
                    "failed": len(leases),
                },
            )
            # Nothing where the partner is being deleted.
            is_first, failed_before = cursor.fetchone() or (False, 0)
        if is_first:
            lease = leases[0]
            outbox.announce(
                action="action.failed",
                tenant_id=lease.tenant_id,
                data={
                    "action_id": lease.action_id,
                    "action_type": lease.action_type,
                    "integration_id": lease.integration_id,
                    "url": url,
                    "reason": reason,
                    "failed_in_hour_before": failed_before,
                },
            )


QUEUE = Queue(name="actions", claim=claim, record=_record, tell_failed=_tell_failed)

_CLAIM = """
    SELECT * FROM claim_actions(%(wanted)s::int, %(per_endpoint)s::int, %(slow_wanted)s::int,
        %(per_slow_endpoint)s::int, %(seconds)s::int, %(slow_seconds)s::float8)
"""

# A tenant's own action type has secrets of its own, a shared one has its integration's. It is sent as the revision says
# that it was decided under, whichever its customer has by now. What was queued of a share that ended with it is not
# sent, also if it is shared again. The text lists are short: no more than a batch.
_READ = """
    SELECT a.id, a.attempts, a.replayed_from, a.action_type, a.provider, a.domain, a.user_id, a.decision_id,
           a.parameters::text, a.created_at, a.expires_at, a.expires_at <= clock_timestamp(),
           CASE WHEN s.cancelled_at >= s.ended_at OR s.cancelled_at > a.created_at THEN 'integration_unshared'
                WHEN u.opted_out THEN 'user_opted_out' WHEN NOT t.active THEN 'action_type_inactive' END,
           coalesce(m.delivery_webhook, t.delivery_webhook),
           CASE WHEN a.revision <> t.revision OR t.revision IS NULL
                THEN coalesce(m.parameters_schema, t.parameters_schema) ELSE t.parameters_schema END::text,
           coalesce(t.partner_id, t.tenant_id), t.integration_id,
           a.request_id,
           coalesce(t.encrypted_webhook_secret, i.encrypted_webhook_secret),
           CASE WHEN coalesce(t.previous_secret_until, i.previous_secret_until) > now()
                THEN coalesce(t.encrypted_previous_secret, i.encrypted_previous_secret) END
      FROM delivery_action a
      JOIN events_trackeduser u ON u.tenant_id = a.tenant_id AND u.user_id = a.user_id
      JOIN integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
      LEFT JOIN integrations_partnerintegration i ON i.id = t.integration_id
      LEFT JOIN integrations_integrationshare s ON s.tenant_id = t.tenant_id AND s.integration_id = t.integration_id
      LEFT JOIN integrations_revisiontemplate m
        ON m.integration_id = t.integration_id AND m.revision = coalesce(a.revision, t.revision) AND m.name = t.name
     WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(%(ids)s)
"""

# An attempt is stored whoever else has the action by now, unless the tenant is being deleted; what it means counts if
# the lease is still this one, or if it is good news. An outcome that was reported before the answer came stands. Past
# its expiry nothing is due.
_RECORD = f"""
    WITH row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id text, outcome_refusal text, {queues.ROW})
    ), locked AS MATERIALIZED (
        SELECT a.id FROM delivery_action a
         WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(ARRAY(SELECT id FROM row)) ORDER BY a.id FOR NO KEY UPDATE
    ), attempt AS (
        INSERT INTO delivery_attempt
            (tenant_id, action_id, number, started_at, latency_ms, status_code, error, response, outcome_refusal)
        SELECT %(tenant_id)s, r.id, r.number, r.started_at, r.latency_ms, r.status_code, r.error, r.response,
               r.outcome_refusal
          FROM row r JOIN locked l ON l.id = r.id
         WHERE r.sent AND NOT EXISTS (
            SELECT FROM tenants_tenant t WHERE t.id = %(tenant_id)s AND t.delete_at IS NOT NULL
         )
        ON CONFLICT DO NOTHING
    )
    UPDATE delivery_action a SET
        status = CASE WHEN a.status = 'completed' THEN 'completed' WHEN r.delivered THEN 'delivered'
                      WHEN r.reason <> '' THEN 'failed' ELSE a.status END,
        failure_reason = CASE WHEN a.status = 'completed' THEN '' ELSE r.reason END,
        attempts = a.attempts - CASE WHEN r.sent THEN 0 ELSE 1 END,
        delivered_at = CASE WHEN r.delivered THEN r.started_at + make_interval(secs => r.latency_ms / 1000.0) END,
        due_at = coalesce(CASE WHEN r.wait IS NOT NULL
            THEN least(clock_timestamp() + make_interval(secs => r.wait), a.expires_at) END, a.due_at),
        leased_until = NULL
      FROM row r JOIN locked l ON l.id = r.id
     WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(ARRAY(SELECT id FROM row)) AND a.id = r.id
       AND a.delivered_at IS NULL
       AND (r.delivered
            OR a.attempts = r.number AND a.leased_until IS NOT NULL AND a.status IN ('dispatched', 'completed'))
"""  # noqa: S608  # a constant

# In the hour before: of what is counted, the last hour in which anything failed.
_COUNT_FAILED = """
    INSERT INTO delivery_failurecount AS c (tenant_id, endpoint_id, reason, hour, failed, failed_before)
    SELECT t.id, %(endpoint_id)s, %(reason)s, date_trunc('hour', now()), %(failed)s, 0
      FROM tenants_tenant t WHERE t.id = %(tenant_id)s AND t.delete_at IS NULL
    ON CONFLICT (tenant_id, endpoint_id, reason) DO UPDATE SET
        hour = excluded.hour,
        failed = CASE WHEN c.hour = excluded.hour THEN c.failed ELSE 0 END + excluded.failed,
        failed_before = CASE WHEN c.hour = excluded.hour THEN c.failed_before
                             WHEN c.hour = excluded.hour - interval '1 hour' THEN c.failed ELSE 0 END
    RETURNING failed = %(failed)s::int, failed_before
"""

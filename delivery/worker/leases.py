"""The worker's side of the tables: lease what is due, read what to send, record what came of it.

Leasing and expiring work across tenants and learn identifiers alone; everything else happens in a tenant's context, one
transaction for all of its actions in a batch. Times are the database's: hosts need not agree on theirs.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from delivery.models import FailureReason
from delivery.outcomes import services as outcomes
from delivery.outcomes import tokens
from delivery.outcomes.services import OfAction, Outcome
from delivery.transport.sending import Answer
from events import next_actions
from integrations.parameters import checking
from retivo import encryption
from retivo.api.json import encode
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")

# From here on, this many failures without a success between them, an endpoint is left alone for a while.
CIRCUIT_FAILURES = 5
_CIRCUIT_LONGEST_SECONDS = 600
# One that takes longer than this to answer is slow, until it answers in less.
SLOW_SECONDS = 2.0
_EXPIRED_AT_ONCE = 10_000  # as expire_actions() has it

# What may be spent on checking the parameters of a batch before its leases are handed out; the rest are checked later,
# each by itself.
_CHECKING_SECONDS = 0.1

# The database cannot be reached, or went away.
AWAY = (OperationalError, InterfaceError)
# It is there, and somebody holds a row. How long to wait for it before the results of others are stored.
_HELD = (LockNotAvailable, QueryCanceled, DeadlockDetected)
_LOCK_MS = 100


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An action that is ours to send until the lease ends."""

    tenant_id: UUID
    action_id: str
    request_id: str  # of what dispatched it
    number: int  # of this attempt
    step: int  # in the schedule, from 1
    url: str
    endpoint_owner_id: UUID
    endpoint_is_failing: bool
    endpoint_is_slow: bool
    secrets: tuple[str, ...]
    body: bytes
    is_expired: bool
    refusal: str = ""  # why it is not to be sent at all
    unchecked: tuple[str, str] | None = None  # a schema and the parameters, to be checked by `checked` before sending


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a lease. Without an `answer` nothing was sent."""

    lease: Lease
    answer: Answer | None = None
    delivered: bool = False
    wait_seconds: float | None = None
    reason: str = ""
    outcome: Outcome | None = None
    outcome_refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many actions there is room for: in all, of one endpoint, and the same for the slow ones among them."""

    wanted: int
    per_endpoint: int
    slow_wanted: int
    per_slow_endpoint: int


def claim(room: Room) -> list[Lease]:
    """Lease due actions; of one endpoint no more are in flight over all workers than there is room for.

    Of what takes long to check it leaves the checking to `checked`, so that nobody waits for it but its own tenant.
    """
    parameters = vars(room) | {"seconds": settings.DELIVERY_LEASE_SECONDS, "slow_seconds": SLOW_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        claimed = sorted(cursor.fetchall(), key=lambda row: row[0])
    leases = []
    until = time.monotonic() + _CHECKING_SECONDS
    for tenant_id, rows in groupby(claimed, key=lambda row: row[0]):
        leases += _read(tenant_id, {action_id: tuple(flags) for _, action_id, *flags in rows}, until)
    return leases


def checked(lease: Lease) -> Lease:
    """With its parameters checked.

    Raises:
        Problem: 503 where it cannot be told now.
    """
    assert lease.unchecked is not None  # noqa: S101  # for mypy
    schema, parameters = lease.unchecked
    return replace(lease, unchecked=None, refusal=_fault(lease.tenant_id, schema, parameters))


def record(results: Iterable[Result]) -> list[Result]:
    """Store attempts and what they mean, durably. Storing the same again changes nothing.

    What cannot be stored is logged and left to its lease: it keeps nothing else from being stored.

    Returns:
        Those for which somebody holds a row, to be stored later: others do not wait for it.
    """
    results = sorted(results, key=lambda result: result.lease.tenant_id)
    held: list[Result] = []
    for tenant_id, group in groupby(results, key=lambda result: result.lease.tenant_id):
        held += _store(partial(_record_actions, tenant_id), list(group))
    by_endpoint: dict[tuple[UUID, str], list[Result]] = {}
    for result in results:
        if result not in held:  # or its failure would be counted again
            by_endpoint.setdefault((result.lease.endpoint_owner_id, result.lease.url), []).append(result)
    for (owner_id, url), found in by_endpoint.items():
        held += _store(partial(_judge_endpoint, owner_id, url), found)
    return held


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


def _read(tenant_id: UUID, flags: dict[str, tuple[bool, ...]], until: float) -> list[Lease]:
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_READ, {"tenant_id": tenant_id, "ids": list(flags)})
        rows = cursor.fetchall()
    return [_lease(tenant_id, row, flags[row[0]], until) for row in rows]


def _lease(tenant_id: UUID, row: Sequence[Any], flags: Sequence[bool], until: float) -> Lease:
    (id, number, replayed_from, name, provider, domain, user_id, decision_id, parameters, created_at, expires_at) = row[
        :11
    ]
    (is_expired, stopped_by, url, schema, owner_id, request_id, *encrypted) = row[11:]
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
        secrets = tuple(_secret(bytes(token)) for token in encrypted if token is not None)
        if url_of_outcome := tokens.url(tenant_id=tenant_id, action_id=id, expires_at=expires_at):
            body["outcome_url"] = url_of_outcome
        gone = FailureReason.ENDPOINT_GONE if is_gone else ""
        # One step beyond the schedule: workers died with all of them.
        spent = FailureReason.ATTEMPTS_EXHAUSTED if step > len(settings.DELIVERY_RETRY_SECONDS) + 1 else ""
        refusal = stopped_by or gone or spent
        if not refusal:  # the schema may have changed since the parameters were checked
            if time.monotonic() < until and checking.is_light(schema, parameters):
                refusal = _fault(tenant_id, schema, parameters)
            else:
                unchecked = schema, parameters
    except Exception as error:  # one that cannot be prepared must not stop the others
        log.error("action_not_prepared", action_id=id, request_id=request_id, exc_info=error)
        refusal = FailureReason.INTERNAL_ERROR
    return Lease(
        tenant_id=tenant_id,
        action_id=id,
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


@lru_cache(maxsize=1000)
def _secret(token: bytes) -> str:
    return encryption.decrypt(token).decode()


def _store(store: Callable[[list[Result]], None], results: list[Result]) -> list[Result]:
    """All at once, or, where that cannot be, each by itself. Those that cannot be stored yet."""
    try:
        store(results)
    except AWAY as error:
        if not isinstance(error.__cause__, _HELD):
            raise
        log.warning("results_wait", tenant_id=str(results[0].lease.tenant_id), results=len(results))
        return results
    except Exception as error:  # it must not keep the others from being stored
        if len(results) > 1:
            return [held for result in results for held in _store(store, [result])]
        lease = results[0].lease
        log.error("result_not_stored", action_id=lease.action_id, request_id=lease.request_id, exc_info=error)
    return []


def _record_actions(tenant_id: UUID, results: list[Result]) -> None:
    rows = [_row(result) for result in results]
    with tenant_context(tenant_id, lock_ms=_LOCK_MS), connection.cursor() as cursor:
        next_actions.hold_off_erasure(tenant_id=tenant_id)
        cursor.execute(_RECORD, {"tenant_id": tenant_id, "rows": encode(rows).decode()})
        told = {each.lease.action_id: each.outcome for each in results if each.outcome}
        if told:
            answered = [OfAction(action_id=id, **outcome) for id, outcome in told.items()]
            outcomes.record_answered(tenant_id=tenant_id, outcomes=answered)


def _row(result: Result) -> dict[str, Any]:
    answer = result.answer
    return {
        "id": result.lease.action_id,
        "number": result.lease.number,
        "sent": answer is not None,
        "started_at": answer and answer.started_at,
        "latency_ms": answer and answer.latency_ms,
        "status_code": answer and answer.status,
        "error": answer and answer.error,
        "response": answer and answer.body,
        "delivered": result.delivered,
        "wait": result.wait_seconds,
        "reason": result.reason,
        "outcome_refusal": result.outcome_refusal,
    }


def _judge_endpoint(owner_id: UUID, url: str, results: list[Result]) -> None:
    """Count an endpoint's failures. Written only where it fails or is slow, or is well again after it was not."""
    answers = [result.answer for result in results if result.answer]
    failures = [answer for answer in answers if answer.is_failure_of_endpoint]
    answered = len(failures) < len(answers)
    is_gone = any(answer.status == 410 for answer in answers)
    is_slow = any(answer.latency_ms >= SLOW_SECONDS * 1000 for answer in answers)
    recovers = answered and any(result.lease.endpoint_is_failing for result in results)
    hurries = answered and not is_slow and any(result.lease.endpoint_is_slow for result in results)
    if not (failures or is_gone or is_slow or recovers or hurries):
        return
    # As claim_actions has it.
    id = UUID(hashlib.md5(f"{owner_id}{url}".encode(), usedforsecurity=False).hexdigest())
    parameters: dict[str, Any] = {"tenant_id": owner_id, "endpoint_id": id, "url": url}
    with tenant_context(owner_id, lock_ms=_LOCK_MS), connection.cursor() as cursor:
        cursor.execute(_KNOW_ENDPOINT, parameters)
        if is_slow or hurries:
            cursor.execute(_SET_PACE, {**parameters, "is_slow": is_slow})
        if is_gone:
            cursor.execute(_DISABLE, parameters)
        elif answered:
            cursor.execute(_CLOSE_CIRCUIT, parameters)
        elif failures:
            parameters |= {
                "failures": len(failures),
                "last": failures[-1].summary,
                "limit": CIRCUIT_FAILURES,
                "shortest": timedelta(seconds=settings.DELIVERY_CIRCUIT_SECONDS),
                "longest": timedelta(seconds=_CIRCUIT_LONGEST_SECONDS),
            }
            cursor.execute(_COUNT_FAILURES, parameters)


_CLAIM = """
    SELECT * FROM claim_actions(%(wanted)s::int, %(per_endpoint)s::int, %(slow_wanted)s::int,
        %(per_slow_endpoint)s::int, %(seconds)s::int, %(slow_seconds)s::float8)
"""

# A tenant's own action type has secrets of its own, a shared one has its integration's. The text lists are short: no
# more than a batch.
_READ = """
    SELECT a.id, a.attempts, a.replayed_from, a.action_type, a.provider, a.domain, a.user_id, a.decision_id,
           a.parameters::text, a.created_at, a.expires_at, a.expires_at <= clock_timestamp(),
           CASE WHEN u.opted_out THEN 'user_opted_out' WHEN NOT t.active THEN 'action_type_inactive' END,
           t.delivery_webhook, t.parameters_schema::text, coalesce(t.partner_id, t.tenant_id), a.request_id,
           coalesce(t.encrypted_webhook_secret, i.encrypted_webhook_secret),
           CASE WHEN coalesce(t.previous_secret_until, i.previous_secret_until) > now()
                THEN coalesce(t.encrypted_previous_secret, i.encrypted_previous_secret) END
      FROM delivery_action a
      JOIN events_trackeduser u ON u.tenant_id = a.tenant_id AND u.user_id = a.user_id
      JOIN integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
      LEFT JOIN integrations_partnerintegration i ON i.id = t.integration_id
     WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(%(ids)s)
"""

# An attempt is stored whoever else has the action by now; what it means counts if the lease is still this one, or if
# it is good news. An outcome that was reported before the answer came stands. Past its expiry nothing is due.
_RECORD = """
    WITH row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
            id text, number int, sent boolean, started_at timestamptz, latency_ms int, status_code smallint,
            error text, response text, delivered boolean, wait float8, reason text, outcome_refusal text
        )
    ), locked AS MATERIALIZED (
        SELECT a.id FROM delivery_action a
         WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(ARRAY(SELECT id FROM row)) ORDER BY a.id FOR NO KEY UPDATE
    ), attempt AS (
        INSERT INTO delivery_attempt
            (tenant_id, action_id, number, started_at, latency_ms, status_code, error, response, outcome_refusal)
        SELECT %(tenant_id)s, r.id, r.number, r.started_at, r.latency_ms, r.status_code, r.error, r.response,
               r.outcome_refusal
          FROM row r JOIN locked l ON l.id = r.id WHERE r.sent
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
"""

_KNOW_ENDPOINT = """
    INSERT INTO delivery_endpoint (tenant_id, id, url, consecutive_failures, openings, last_failure)
    VALUES (%(tenant_id)s, %(endpoint_id)s, %(url)s, 0, 0, '')
    ON CONFLICT (tenant_id, id) DO NOTHING
"""

_SET_PACE = """
    UPDATE delivery_endpoint SET slow_since = CASE WHEN %(is_slow)s THEN now() END
     WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s AND (slow_since IS NULL) = %(is_slow)s::boolean
"""

_CLOSE_CIRCUIT = """
    UPDATE delivery_endpoint SET consecutive_failures = 0, openings = 0, open_until = NULL
     WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s AND consecutive_failures > 0
"""

_DISABLE = """
    UPDATE delivery_endpoint
       SET disabled_at = coalesce(disabled_at, now()), last_failure_at = now(), last_failure = '410'
     WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s
"""

# Those that were in flight when it opened count, but open it no second time.
_COUNT_FAILURES = """
    UPDATE delivery_endpoint e SET
        consecutive_failures = e.consecutive_failures + %(failures)s::int,
        last_failure_at = now(),
        last_failure = %(last)s,
        openings = e.openings + CASE WHEN o.opens THEN 1 ELSE 0 END,
        open_until = CASE WHEN NOT o.opens THEN e.open_until ELSE now()
            + least(%(shortest)s::interval * power(2, least(e.openings, 20)), %(longest)s::interval) END
      FROM (
        SELECT consecutive_failures + %(failures)s::int >= %(limit)s::int
               AND (open_until IS NULL OR open_until <= now()) AS opens
          FROM delivery_endpoint WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s FOR UPDATE
      ) o
     WHERE e.tenant_id = %(tenant_id)s AND e.id = %(endpoint_id)s
"""

"""How a receiver is, by what it answered: in the context of the tenant that registered it."""

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from delivery.models import DisabledBecause
from delivery.worker.queues import SLOW_SECONDS, Result
from retivo.api.json import encode
from tenants import outbox
from tenants.context import tenant_context

# From here on, this many failures without a success between them, an endpoint is left alone for a while.
CIRCUIT_FAILURES = 5
_CIRCUIT_LONGEST_SECONDS = 600
KEPT_LATENCIES = 100
_TALLY_SECONDS = 5.0


def endpoint_id(owner_id: UUID, url: str) -> UUID:
    """As claim_actions and claim_deliveries have it."""
    return UUID(hashlib.md5(f"{owner_id}{url}".encode(), usedforsecurity=False).hexdigest())


class Seen:
    """What results say of their endpoint."""

    def __init__(self, results: Sequence[Result[Any]]) -> None:
        answers = [result.answer for result in results if result.answer]
        self.failures = [answer for answer in answers if answer.is_failure_of_endpoint]
        self.answered = len(self.failures) < len(answers)
        self.is_gone = any(answer.status == 410 for answer in answers)
        self.is_slow = any(answer.latency_ms >= SLOW_SECONDS * 1000 for answer in answers)
        self.recovers = self.answered and any(result.lease.endpoint_is_failing for result in results)
        self.hurries = self.answered and not self.is_slow and any(result.lease.endpoint_is_slow for result in results)

    @property
    def is_news(self) -> bool:
        """Whether it fails or is slow, or is well again after it was not: nothing else is written."""
        return bool(self.failures) or self.is_gone or self.is_slow or self.recovers or self.hurries


def note(owner_id: UUID, url: str, seen: Seen) -> None:
    """Keep what was seen of an endpoint, count its failures, and tell its owner where that is news."""
    parameters: dict[str, Any] = {"tenant_id": owner_id, "endpoint_id": endpoint_id(owner_id, url), "url": url}
    with connection.cursor() as cursor:
        cursor.execute(_KNOW_ENDPOINT, parameters)
        if seen.is_slow or seen.hurries:
            cursor.execute(_SET_PACE, {**parameters, "is_slow": seen.is_slow})
        if seen.is_gone:
            cursor.execute(_DISABLE, parameters)
            action, data = "endpoint.disabled", {"reason": str(DisabledBecause.ENDPOINT_GONE)}
        elif seen.answered:
            cursor.execute(_CLOSE_CIRCUIT, parameters)
            action, data = "endpoint.recovered", {}
        elif seen.failures:
            last = seen.failures[-1].summary
            parameters |= {
                "failures": len(seen.failures),
                "last": last,
                "limit": CIRCUIT_FAILURES,
                "shortest": timedelta(seconds=settings.DELIVERY_CIRCUIT_SECONDS),
                "longest": timedelta(seconds=_CIRCUIT_LONGEST_SECONDS),
            }
            cursor.execute(_COUNT_FAILURES, parameters)
            action, data = "endpoint.failing", {"error": last}
        else:
            return
        row = cursor.fetchone()
    if row is None or not row[0]:
        return
    data = {"endpoint_id": parameters["endpoint_id"], "url": url, **data}
    if seen.is_gone:
        target = outbox.Target("endpoint", parameters["endpoint_id"])
        outbox.record(actor=outbox.SYSTEM, action=action, tenant_id=owner_id, target=target, data=data)
    else:
        outbox.announce(action=action, tenant_id=owner_id, data=data)


def count() -> int:
    """Count what waits for partners' endpoints; of how many that changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count_endpoints()")
        changed: int = cursor.fetchone()[0]
    return changed


def count_failed(owner_id: UUID, url: str, failed: int) -> None:
    """Count actions that failed at an endpoint in this hour, and forget what is older than a day."""
    parameters: dict[str, Any] = {
        "tenant_id": owner_id,
        "endpoint_id": endpoint_id(owner_id, url),
        "failed": failed,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_FAILED, parameters)


class Tallies:
    """How endpoints of partners answered, kept for some seconds: an answer that is no news costs no transaction.

    What a worker has not stored when it dies is lost: it is a sample.
    """

    def __init__(self) -> None:
        self._latencies: dict[tuple[UUID, str], deque[int]] = {}
        self._last_success: dict[tuple[UUID, str], datetime] = {}
        self._stored_at = time.monotonic()

    def add(self, results: Iterable[Result[Any]]) -> None:
        for result in results:
            if not result.lease.is_of_partner or result.answer is None:
                continue
            where = (result.lease.endpoint_owner_id, result.lease.url)
            self._latencies.setdefault(where, deque(maxlen=KEPT_LATENCIES)).appendleft(result.answer.latency_ms)
            if result.delivered:
                self._last_success[where] = result.answer.ended_at

    def is_due(self) -> bool:
        return bool(self._latencies) and time.monotonic() >= self._stored_at + _TALLY_SECONDS

    def store(self) -> None:
        """One transaction for each owner. What cannot be stored is lost."""
        latencies, self._latencies = self._latencies, {}
        last_success, self._last_success = self._last_success, {}
        self._stored_at = time.monotonic()
        by_owner: dict[UUID, list[dict[str, Any]]] = {}
        for (owner_id, url), found in latencies.items():
            row = {
                "endpoint_id": endpoint_id(owner_id, url),
                "latencies": list(found),
                "last_success_at": last_success.get((owner_id, url)),
            }
            by_owner.setdefault(owner_id, []).append(row)
        for owner_id, rows in by_owner.items():
            with tenant_context(owner_id), connection.cursor() as cursor:
                cursor.execute(_STORE_TALLIES, {"tenant_id": owner_id, "rows": encode(rows).decode()})


_KNOW_ENDPOINT = """
    INSERT INTO delivery_endpoint (tenant_id, id, url, consecutive_failures, openings, last_failure)
    SELECT t.id, %(endpoint_id)s, %(url)s, 0, 0, '' FROM tenants_tenant t
    WHERE t.id = %(tenant_id)s AND t.delete_at IS NULL
    ON CONFLICT (tenant_id, id) DO NOTHING
"""

_SET_PACE = """
    UPDATE delivery_endpoint SET slow_since = CASE WHEN %(is_slow)s THEN now() END
     WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s AND (slow_since IS NULL) = %(is_slow)s::boolean
"""

# Each of these returns whether the owner is to be told: of an address of a partner's integrations, and of what is new.
_CLOSE_CIRCUIT = """
    UPDATE delivery_endpoint e SET consecutive_failures = 0, openings = 0, open_until = NULL
      FROM (
        SELECT since, failing_told_at FROM delivery_endpoint
         WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s AND consecutive_failures > 0 FOR UPDATE
      ) o
     WHERE e.tenant_id = %(tenant_id)s AND e.id = %(endpoint_id)s
    RETURNING e.registered_at IS NOT NULL AND e.disabled_at IS NULL AND o.failing_told_at >= o.since
"""

_DISABLE = """
    UPDATE delivery_endpoint e SET
        disabled_at = coalesce(e.disabled_at, now()),
        last_failure_at = now(),
        last_failure = '410'
      FROM (
        SELECT disabled_at FROM delivery_endpoint
         WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s FOR UPDATE
      ) o
     WHERE e.tenant_id = %(tenant_id)s AND e.id = %(endpoint_id)s
    RETURNING e.registered_at IS NOT NULL AND o.disabled_at IS NULL
"""

# Those that were in flight when it opened count, but open it no second time.
_COUNT_FAILURES = """
    UPDATE delivery_endpoint e SET
        consecutive_failures = e.consecutive_failures + %(failures)s::int,
        last_failure_at = now(),
        last_failure = %(last)s,
        openings = e.openings + CASE WHEN o.opens THEN 1 ELSE 0 END,
        open_until = CASE WHEN NOT o.opens THEN e.open_until ELSE now()
            + least(%(shortest)s::interval * power(2, least(e.openings, 20)), %(longest)s::interval) END,
        failing_told_at = CASE WHEN o.is_news THEN now() ELSE e.failing_told_at END
      FROM (
        SELECT opens, opens AND openings = 0 AND disabled_at IS NULL AND registered_at IS NOT NULL
               AND (failing_told_at > now() - interval '1 hour') IS NOT TRUE AS is_news
          FROM (
            SELECT *, consecutive_failures + %(failures)s::int >= %(limit)s::int
                      AND (open_until IS NULL OR open_until <= now()) AS opens
              FROM delivery_endpoint WHERE tenant_id = %(tenant_id)s AND id = %(endpoint_id)s FOR UPDATE
          ) locked
      ) o
     WHERE e.tenant_id = %(tenant_id)s AND e.id = %(endpoint_id)s
    RETURNING o.is_news
"""

_COUNT_FAILED = """
    WITH past AS (
        DELETE FROM delivery_endpointhour
         WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND hour <= now() - interval '25 hours'
    )
    INSERT INTO delivery_endpointhour AS h (tenant_id, endpoint_id, hour, failed)
    VALUES (%(tenant_id)s, %(endpoint_id)s, date_trunc('hour', now()), %(failed)s)
    ON CONFLICT (tenant_id, endpoint_id, hour) DO UPDATE SET failed = h.failed + excluded.failed
"""

# The rows are locked in the order of their ids, whatever the planner takes first.
_STORE_TALLIES = f"""
    WITH row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
            AS r (endpoint_id uuid, latencies int[], last_success_at timestamptz)
    ), locked AS MATERIALIZED (
        SELECT id FROM delivery_endpoint
         WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT endpoint_id FROM row))
         ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE delivery_endpoint e SET
        latencies = (r.latencies || e.latencies)[1:{KEPT_LATENCIES}],
        last_success_at = greatest(e.last_success_at, r.last_success_at)
      FROM row r JOIN locked l ON l.id = r.endpoint_id
     WHERE e.tenant_id = %(tenant_id)s AND e.id = r.endpoint_id
"""  # noqa: S608  # a constant

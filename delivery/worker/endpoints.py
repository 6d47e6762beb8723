"""How a receiver is, by what it answered: in the context of the tenant that registered it."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from delivery.worker.queues import SLOW_SECONDS, Result

# From here on, this many failures without a success between them, an endpoint is left alone for a while.
CIRCUIT_FAILURES = 5
_CIRCUIT_LONGEST_SECONDS = 600


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
    """Keep what was seen of an endpoint, and count its failures."""
    parameters: dict[str, Any] = {"tenant_id": owner_id, "endpoint_id": endpoint_id(owner_id, url), "url": url}
    with connection.cursor() as cursor:
        cursor.execute(_KNOW_ENDPOINT, parameters)
        if seen.is_slow or seen.hurries:
            cursor.execute(_SET_PACE, {**parameters, "is_slow": seen.is_slow})
        if seen.is_gone:
            cursor.execute(_DISABLE, parameters)
        elif seen.answered:
            cursor.execute(_CLOSE_CIRCUIT, parameters)
        elif seen.failures:
            parameters |= {
                "failures": len(seen.failures),
                "last": seen.failures[-1].summary,
                "limit": CIRCUIT_FAILURES,
                "shortest": timedelta(seconds=settings.DELIVERY_CIRCUIT_SECONDS),
                "longest": timedelta(seconds=_CIRCUIT_LONGEST_SECONDS),
            }
            cursor.execute(_COUNT_FAILURES, parameters)


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

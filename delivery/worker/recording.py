"""What became of leases, stored: with each message, and with the endpoint that it was sent to."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from delivery.worker import endpoints
from delivery.worker.queues import AWAY, Queue, Result
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")

Results = Sequence[Result[Any]]

# It is there, and somebody holds a row. How long to wait for it before the results of others are stored.
_HELD = (LockNotAvailable, QueryCanceled, DeadlockDetected)
_LOCK_MS = 100


def record(results: Iterable[Result[Any]]) -> list[Result[Any]]:
    """Store attempts and what they mean, durably. Storing the same again changes nothing.

    What cannot be stored is logged and left to its lease: it keeps nothing else from being stored.

    Returns:
        Those for which somebody holds a row, to be stored later: others do not wait for it.
    """
    results = sorted(results, key=lambda result: result.lease.tenant_id)
    held: list[Result[Any]] = []
    for tenant_id, of_tenant in groupby(results, key=lambda result: result.lease.tenant_id):
        for queue, group in _by_queue(of_tenant).items():
            held += _store(partial(_of_messages, queue, tenant_id), group)
    by_endpoint: dict[tuple[UUID, str], list[Result[Any]]] = {}
    for result in results:
        if result not in held:  # or its failure would be counted again
            by_endpoint.setdefault((result.lease.endpoint_owner_id, result.lease.url), []).append(result)
    for (owner_id, url), found in by_endpoint.items():
        held += _store(partial(_of_endpoint, owner_id, url), found)
    return held


def _by_queue(results: Iterable[Result[Any]]) -> dict[Queue[Any], list[Result[Any]]]:
    found: dict[Queue[Any], list[Result[Any]]] = {}
    for result in results:
        found.setdefault(result.lease.queue, []).append(result)
    return found


def _of_messages(queue: Queue[Any], tenant_id: UUID, results: Results) -> None:
    with tenant_context(tenant_id, lock_ms=_LOCK_MS):
        queue.record(tenant_id, results)


def _of_endpoint(owner_id: UUID, url: str, results: Results) -> None:
    """In a transaction that is seldom needed: most results say nothing new of their endpoint."""
    seen = endpoints.Seen(results)
    failed = _by_queue(result for result in results if result.reason)
    if not seen.is_news and not failed:
        return
    with tenant_context(owner_id, lock_ms=_LOCK_MS):
        if seen.is_news:
            endpoints.note(owner_id, url, seen)
        for queue, found in failed.items():
            queue.tell_failed(owner_id, url, found)


def _store(store: Callable[[list[Result[Any]]], None], results: list[Result[Any]]) -> list[Result[Any]]:
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
        log.error("result_not_stored", **lease.names, request_id=lease.request_id, exc_info=error)
    return []

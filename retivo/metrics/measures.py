"""Everything that is counted and timed. Labels have few values, and none is a tenant, a user or a path."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import prometheus_client
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from prometheus_client import CollectorRegistry, Counter, Histogram, values

from retivo.metrics import files

# It looked at the environment by itself, where another program's folder may be named.
values.ValueClass = values.MultiProcessValue(files.place) if files.are_shared() else values.MutexValue
prometheus_client.disable_created_metrics()

REGISTRY = CollectorRegistry()

_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "retivo_http_request_seconds",
    "Requests answered, by method, route and status.",
    ["method", "route", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
DATABASE_WAITS = Histogram(
    "retivo_http_request_database_seconds",
    "How long a request waited for the database, with all its statements and its commit.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
DATABASE_FAILURES = Counter(
    "retivo_database_failures",
    "Statements and commits that a timeout, a deadlock or a lost connection ended, by kind.",
    ["kind"],
    registry=REGISTRY,
)
PROBLEMS = Counter(
    "retivo_problems",
    "Answers that are no success, by code: rate_limited and the like among them.",
    ["code"],
    registry=REGISTRY,
)
EVENTS = Counter(
    "retivo_events",
    "Events that were sent and answered, by result: accepted, duplicate, or why rejected.",
    ["result"],
    registry=REGISTRY,
)
ATTEMPTS = Histogram(
    "retivo_delivery_attempt_seconds",
    "Attempts to send an action or an event, by result (delivered, retried, failed) and answer (a class of status, or"
    " an error).",
    ["result", "answer"],
    buckets=(0.025, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15),
    registry=REGISTRY,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What `labels` returns for the same values, at a tenth of the time.
_requests: dict[tuple[str, str, int], Any] = {}


def count_request(*, method: str, route: str | None, status: int, seconds: float, database_seconds: float) -> None:
    """`route` is the pattern that fitted the path, or None."""
    key = (method if method in _METHODS else "other", route or "none", status)
    request = _requests.get(key)
    if request is None:
        request = _requests[key] = REQUESTS.labels(*key)
    request.observe(seconds)
    DATABASE_WAITS.observe(database_seconds)


def count_events(*, accepted: int, duplicates: int, rejected: Iterable[str]) -> None:
    """`rejected` has the code of each event that was."""
    if accepted:
        EVENTS.labels("accepted").inc(accepted)
    if duplicates:
        EVENTS.labels("duplicate").inc(duplicates)
    for code in rejected:
        EVENTS.labels(code).inc()


# --- Waiting for the database ---------------------------------------------------------------------------------------


class _Waited(threading.local):
    seconds = 0.0


_waited = _Waited()

_KINDS = {
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "25P03": "idle_in_transaction_timeout",
    "40P01": "deadlock",
}


def database_seconds() -> float:
    """How long this thread has waited for the database so far."""
    return _waited.seconds


@contextmanager
def waiting() -> Iterator[None]:
    """Time a wait for the database, and count how it failed."""
    started = time.perf_counter()
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        _count_failure(error)
        raise
    finally:
        _waited.seconds += time.perf_counter() - started


def _timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """As `waiting`, of which the context manager would cost as much as the measuring."""
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    except (DatabaseError, InterfaceError) as error:
        _count_failure(error)
        raise
    finally:
        _waited.seconds += time.perf_counter() - started


def _count_failure(error: DatabaseError | InterfaceError) -> None:
    kind = _KINDS.get(getattr(error.__cause__, "sqlstate", None) or "")
    if kind is None and isinstance(error, OperationalError | InterfaceError):
        kind = "connection"
    if kind is not None:
        DATABASE_FAILURES.labels(kind).inc()


def time_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Django's signal `connection_created`: from now on all of the connection's statements are timed."""
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _timed)

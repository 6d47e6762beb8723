"""How `migrate` changes the schema of a database that serves requests.

A statement that waits for a lock makes everybody wait who asks for the same table after it. So no statement waits long,
and what could not be done is done again later, from the last migration that was recorded. A migration in a transaction
is then undone; one that is not atomic must be able to run again. Concurrent index statements can
(`retivo.database.backend.schema`), and so can files of SQL in force; `tests/retivo/database/test_changing.py` holds the
others to it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from django.db import OperationalError
from psycopg import sql

# Longer than PostgreSQL's `deadlock_timeout` of 1 s, after which autovacuum gives way to who waits for it. Shorter than
# a request's `lock_timeout`: who waits behind a migration is delayed, and not refused.
LOCK_TIMEOUT = "1500ms"

_SESSION = {
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": "0",  # a large table's index or backfill takes its time
    "idle_in_transaction_session_timeout": "10s",  # a frozen host must not hold its locks
    # After `kill -9` the server notices that nobody waits for its statement any more.
    "client_connection_check_interval": "1s",
}
_TURN = "retivo.database.changing"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_SAMPLE_SECONDS = 0.25


class ChangeError(Exception):
    """The schema could not be changed in time; the text says who was in the way. What was done so far stays."""


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Give the session that migrates its time limits."""
    for name, value in _SESSION.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


@contextmanager
def turn(connection: psycopg.Connection[Any], *, deadline: float) -> Iterator[None]:
    """Let one session at a time change this database. `deadline` is a `time.monotonic()`.

    Raises:
        ChangeError: another session still has its turn at the deadline.
    """
    # Asked again and again: a session that waits for a lock has a snapshot, for which CREATE INDEX CONCURRENTLY waits.
    while not _one(connection, "SELECT pg_try_advisory_lock(hashtext(%s))", _TURN):
        if time.monotonic() > deadline:
            pid = _one(
                connection,
                "SELECT min(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND objid::bigint = hashtext(%s)::bigint & 4294967295",
                _TURN,
            )
            raise ChangeError(f"Another migrate is under way: {_describe(connection, pid)}.")
        time.sleep(_SHORTEST_PAUSE)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [_TURN])


def attempts(deadline: float) -> Iterator["Attempt"]:
    """Attempts with growing pauses between them, in which traffic goes on, until one of them succeeds.

    Raises:
        ChangeError: the last one that began before the deadline failed.
    """
    pause = _SHORTEST_PAUSE
    while True:
        attempt = Attempt()
        yield attempt
        if attempt.obstacle is None:
            return
        if time.monotonic() + pause > deadline:
            raise ChangeError(f"A lock could not be had in time: {attempt.obstacle}.")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass
class Attempt:
    """One attempt; `obstacle` says who held a lock that it waited for in vain."""

    obstacle: str | None = None

    @contextmanager
    def watched(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Note in `obstacle` a wait for a lock that ran out of time; let any other failure through."""
        with _Watch(connection) as watch:
            try:
                yield
            except (OperationalError, psycopg.OperationalError) as error:
                cause = error.__cause__ if isinstance(error, OperationalError) else error
                if not isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                    raise
                self.obstacle = watch.blocker or "no process was seen that held it"


def drop_invalid_indexes(connection: psycopg.Connection[Any]) -> list[str]:
    """Drop what CREATE, DROP or REINDEX INDEX CONCURRENTLY left unfinished, and return the indexes' names.

    Whoever calls has its turn, so none of ours is being built.
    """
    names = [name for (name,) in connection.execute(_INVALID_INDEXES)]
    for name in names:
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
    return names


# A partitioned table's index (relkind I) is invalid until each partition has its own; it is completed, not dropped.
_INVALID_INDEXES = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
    ORDER BY 1
"""


class _Watch:
    """Sees, from a connection of its own, which process a session waits for. Once the wait is over it is too late."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.blocker: str | None = None
        self._pid = connection.info.backend_pid
        self._dsn, self._password = connection.info.dsn, connection.info.password or None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="migrate-watch", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def _look(self) -> None:
        with psycopg.connect(self._dsn, password=self._password, autocommit=True) as connection:
            while not self._over.wait(_SAMPLE_SECONDS):
                pid = _one(connection, "SELECT (pg_blocking_pids(%s))[1]", self._pid)
                if pid is not None:
                    self.blocker = _describe(connection, pid)


def _describe(connection: psycopg.Connection[Any], pid: int | None) -> str:
    """What a process does, as far as the owner may see it."""
    row = connection.execute(_ACTIVITY, [pid]).fetchone()
    if row is None:
        return f"process {pid}"
    user, age, state, query = row
    if age is None:
        return f"process {pid} of {user} (GRANT pg_read_all_stats TO {connection.info.user} to see its age and query)"
    return f"process {pid} of {user}, {state}, in a transaction for {age:.0f} s, whose last query is: {query}"


_ACTIVITY = """
    SELECT usename, extract(epoch FROM clock_timestamp() - xact_start)::float8, state,
        left(regexp_replace(query, '\\s+', ' ', 'g'), 100)
    FROM pg_stat_activity WHERE pid = %s
"""


def _one(connection: psycopg.Connection[Any], statement: LiteralString, *parameters: object) -> Any:
    row = connection.execute(statement, parameters).fetchone()
    return row[0] if row else None

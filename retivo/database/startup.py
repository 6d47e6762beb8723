"""What a process does with its first connection: wait for it, and see what stands between it and the server."""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection as database
from psycopg import errors

C = TypeVar("C", bound=psycopg.Connection[Any])

_AGAIN_SECONDS = 0.5
# Another client may come in between: the pooler then hands out another of its sessions than we count on.
_TRIES = 3

_is_connected = False
_must_not_prepare: bool | None = None


def first(connect: Callable[[], C]) -> C:
    """`connect()`; the first time in this process, wait until the database is there, for `DATABASE_WAIT_SECONDS`.

    Raises:
        psycopg.OperationalError: the database is still away, or went away later.
    """
    global _is_connected  # noqa: PLW0603  # one a process
    deadline, told = time.monotonic() + settings.DATABASE_WAIT_SECONDS, ""
    while not _is_connected:
        try:
            connection = connect()
        except psycopg.OperationalError as error:
            if time.monotonic() >= deadline:
                raise
            if reason(error) != told:
                told = reason(error)
                sys.stderr.write(f"retivo: Waiting for the database: {told}\n")
            time.sleep(_AGAIN_SECONDS)
        else:
            _is_connected = True
            return connection
    return connect()


def reason(error: Exception) -> str:
    """What is wrong, in a line; libpq says more."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def has_tables() -> bool:
    """Whether the default database was ever migrated."""
    with database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def must_not_prepare(connect: Callable[[], psycopg.Connection[Any]]) -> bool:
    """Whether a pooler stands before the server that loses prepared statements. Asked once a process.

    PgBouncer does before 1.21, or with `max_prepared_statements = 0`, unless it keeps a session for each client.
    """
    global _must_not_prepare  # noqa: PLW0603  # one a process
    if _must_not_prepare is None:
        with closing(connect()) as connection:
            is_behind = is_pooled(connection)
        _must_not_prepare = is_behind and loses_statements(connect)
    return _must_not_prepare


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether a pooler is in between: PgBouncer tells its clients a process id of its own."""
    rows = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchall()
    return bool(rows[0][0] != connection.info.backend_pid)


def loses_statements(connect: Callable[[], psycopg.Connection[Any]]) -> bool:
    """Whether a statement that was prepared may be unknown, or another, when it is executed."""
    return any(_loses_statements(connect) for _ in range(_TRIES))


def _loses_statements(connect: Callable[[], psycopg.Connection[Any]]) -> bool:
    """Prepare a statement, and execute it while somebody else has the session it was prepared in."""
    with closing(connect()) as asking, closing(connect()) as other:
        asking.prepare_threshold = 0
        asking.autocommit = other.autocommit = True
        try:
            asking.execute("SELECT 1", prepare=True)
            other.execute("BEGIN", prepare=False)
            other.execute("SELECT 1", prepare=False)
            asking.execute("SELECT 1", prepare=True)
        except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            return True
        except psycopg.OperationalError:
            return True  # a pooler with a single session to give, for which this client waited in vain
    return False

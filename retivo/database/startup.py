"""What a process does with its first connection: wait for it, and see what stands between it and the server."""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from django.conf import settings
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


def must_not_prepare(connect: Callable[[], psycopg.Connection[Any]]) -> bool:
    """Whether a pooler stands before the server that loses prepared statements. Asked once a process.

    PgBouncer does before 1.21, or with `max_prepared_statements = 0`, unless it keeps a session for each client.
    """
    global _must_not_prepare  # noqa: PLW0603  # one a process
    if _must_not_prepare is None:
        _must_not_prepare = any(_loses_statements(connect) for _ in range(_TRIES))
    return _must_not_prepare


def _loses_statements(connect: Callable[[], psycopg.Connection[Any]]) -> bool:
    """Prepare a statement, and execute it while somebody else has the session it was prepared in."""
    with connect() as asking, connect() as other:
        asking.autocommit = True
        try:
            asking.execute("SELECT 1", prepare=True)
            other.execute("SELECT 1")  # and the transaction stays open
            asking.execute("SELECT 1", prepare=True)
        except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            return True
        except psycopg.OperationalError:
            # Nothing makes a client of the server itself wait here: a pooler that has one session to give.
            asking.close()
            return True
    return False

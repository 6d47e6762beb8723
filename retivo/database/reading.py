"""Questions to the database that hold up nobody, whatever becomes of the database."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from django.db import connections
from psycopg import errors
from psycopg.abc import PQGen

from retivo.database.backend.waiting import is_hung_up

T = TypeVar("T")
RV = TypeVar("RV")


class Connection(Protocol):
    """What a question is put to: psycopg's connection, or what else executes a statement and answers with its rows."""

    def execute(self, query: Any, params: Any = None) -> Any: ...


_CONNECT_SECONDS = 2  # the least that psycopg takes


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no wait goes beyond `deadline`, a time of `time.monotonic`, however silent the server."""

    deadline = float("inf")

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        left = max(0.0, self.deadline - time.monotonic())
        try:
            return super().wait(gen, interval, left if timeout is None else min(left, timeout))
        except errors._WaitTimeout as error:
            raise TimeoutError("The database did not answer in time.") from error


def connect(alias: str = "default", *, seconds: float) -> PatientConnection:
    """Connect as Django would, with `seconds` for all that is done on the connection from then on.

    Raises:
        psycopg.OperationalError: no host answers within two seconds.
    """
    known = connections[alias].get_connection_params()
    parameters = {name: value for name, value in known.items() if name not in ("cursor_factory", "context")}
    parameters |= {"connect_timeout": _CONNECT_SECONDS, "autocommit": True, "prepare_threshold": None}
    connection = PatientConnection.connect(**parameters)
    connection.deadline = time.monotonic() + seconds
    return connection


class Reading(Generic[T]):
    """The answer to one question, which a thread asks on a connection that is kept for it.

    All who want the answer while the question is under way share it. A silent database so holds one thread, and an
    asker no longer than `seconds` after the question was put. Connecting may take longer than that, where the first of
    several hosts is silent: only the next to ask then hears of the one that answers.

    Args:
        question: asked with a connection inside a transaction, whose statements the server ends after `seconds`.
        seconds: how long an asker waits.
        kept_seconds: how long it serves those who ask next.
    """

    def __init__(self, question: Callable[[PatientConnection], T], *, seconds: float, kept_seconds: float) -> None:
        self._question = question
        self._seconds = seconds
        self._kept_seconds = kept_seconds
        self._lock = Lock()
        self._answer: Future[T] | None = None
        self._connection: PatientConnection | None = None  # of the thread that asks
        self._asked_at = 0.0

    def get(self) -> T:
        """The answer, at most `kept_seconds` old.

        Raises:
            TimeoutError: there is none in time.
            psycopg.Error: the database refused the question or the connection.
        """
        with self._lock:
            now = time.monotonic()
            answer = self._answer
            if answer is None or (answer.done() and now - self._asked_at >= self._kept_seconds):
                answer = self._answer = Future()
                self._asked_at = now
                Thread(target=self._ask, args=(answer,), name="reading", daemon=True).start()
            left = self._asked_at + self._seconds - now
        return answer.result(max(0.0, left))

    def close(self) -> None:
        """Close the connection that is kept, while nobody asks; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._asked())
        except BaseException as error:  # noqa: BLE001  # it is raised where the answer is wanted
            answer.set_exception(error)

    def _asked(self) -> T:
        if self._connection is not None and is_hung_up(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connect(seconds=self._seconds)
        self._connection.deadline = time.monotonic() + self._seconds
        try:
            return asked(self._connection, self._question, seconds=self._seconds)
        except BaseException:
            self.close()
            raise


def asked(connection: PatientConnection, question: Callable[[PatientConnection], T], *, seconds: float) -> T:
    """Ask in a transaction whose statements the server ends after `seconds`, too. A failure is for closing after.

    Raises:
        TimeoutError: the connection's deadline passed.
        psycopg.Error: as the question raises it.
    """
    connection.execute("BEGIN")
    # LOCAL, or a pooler would hand it on to others.
    connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
    answer = question(connection)
    connection.execute("COMMIT")
    return answer

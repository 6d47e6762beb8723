"""Connections of psycopg whose waits end, also where the server no longer answers.

A server that is frozen, or a proxy in front of it, keeps its sockets open: no error ever comes. The server's own
deadlines do not help then, nor does TCP, for the kernel on the other side still acknowledges what it gets.
"""

import select
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

T = TypeVar("T")

_INTERVAL = 0.1  # as psycopg's own: how soon Ctrl-C is heard
# How long the one thread waits that asks whether a server which fell silent is back, in seconds.
_ASKING_SECONDS = 1.0
# So many unanswered waits with no answer between them: not one session is stuck, but the server.
_UNANSWERED = 2


class Silence:
    """Whether the server has fallen silent, as far as this process knows.

    Every thread would otherwise wait its full time again and again, and requests would queue behind them. While the
    server is silent, one thread at a time asks it, with little patience, and all others fail at once.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._asking = threading.Lock()

    def wait(self, wait: Callable[[float], T], patience: float) -> T:
        """Call `wait` with the number of seconds that it may take.

        Raises:
            psycopg.OperationalError: no answer came in this time, or the server is silent and somebody else asks it.
        """
        if self._unanswered < _UNANSWERED:
            return self._bounded(wait, patience)
        if not self._asking.acquire(blocking=False):
            raise errors.OperationalError("the server has stopped answering")
        try:
            return self._bounded(wait, min(patience, _ASKING_SECONDS))
        finally:
            self._asking.release()

    def _bounded(self, wait: Callable[[float], T], patience: float) -> T:
        unanswered = self._unanswered + 1
        try:
            answer = wait(patience)
            unanswered = 0
        except (errors._WaitTimeout, errors.ConnectionTimeout) as error:
            raise errors.OperationalError(f"the server did not answer within {patience:g} s") from error
        except errors.Error:  # an answer, too
            unanswered = 0
            raise
        finally:
            self._unanswered = unanswered
        return answer


class BoundedConnection(psycopg.Connection[Any]):
    """A connection each of whose round trips ends within `patience` seconds; then it is closed. None: never."""

    patience: float | None = None
    silence: Silence

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        wait = super().wait
        try:
            return self.silence.wait(lambda seconds: wait(gen, interval, seconds), self.patience)
        except errors.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # its answer, should it come, is not the next statement's
            raise


class BoundedAsyncConnection(psycopg.AsyncConnection[Any]):
    """The same for the event loop. `notifies` with a timeout waits that long."""

    patience: float = 60.0

    async def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, self.patience)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise errors.OperationalError(f"the server did not answer within {self.patience:g} s") from error


def is_hung_up(connection: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection has something to read: then the server said goodbye."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))

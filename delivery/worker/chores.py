"""What the loop does again and again. A fault in one part is that part's alone: it rests, and the others go on."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from delivery.worker.queues import AWAY

log = structlog.get_logger("retivo.delivery")

T = TypeVar("T")

_LONGEST_REST_SECONDS = 60.0


class Chore:
    """A part of the loop. After each fault it rests twice as long as after the one before, from 1 s to 60."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._faults = 0
        self._rests_until = float("-inf")

    async def do(self, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """What `work` returns, or `otherwise` if it fails or rests.

        Raises:
            OperationalError, InterfaceError: the database is away, which no part does without.
        """
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            done = await work()
        except AWAY:
            raise
        except Exception as error:  # whatever it is, the other parts go on
            rest = min(2.0**self._faults, _LONGEST_REST_SECONDS)
            self._faults = min(self._faults + 1, 10)
            self._rests_until = time.monotonic() + rest
            log.error("chore_failed", chore=self._name, rests_seconds=rest, exc_info=error)
            return otherwise
        self._faults = 0
        return done

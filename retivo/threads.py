"""A web process's threads: how many there are, and how many of them may serve one party at once.

A thread that waits, for a row that another transaction holds or for a client that reads slowly, serves nobody else. If
what makes it wait is one tenant's, the tenant's other requests wait likewise, and would take every thread. So each
request takes a place for whom it serves, before it does anything that may wait.

gunicorn's settings read this module, so it imports nothing that needs Django's.
"""

import os
import sys
import threading
from collections.abc import Hashable, Mapping
from decimal import Decimal


def web_threads() -> int:
    """The threads of a web process that do the work: WEB_THREADS, 8 unless it is set. Some `SPARE` come on top."""
    return int(os.environ.get("WEB_THREADS") or 8)


def share(part: Decimal, threads: int) -> int:
    """How many of the threads `part` of them is: rounded down, at least 1, and at least 1 less than all.

    A single thread cannot be shared: of one the share is one.
    """
    return max(1, min(int(part * threads), threads - 1))


# More threads than requests that may wait for something. They answer who asks whether the process lives, and tell all
# others that it has no thread to give.
SPARE = 2
# The spare threads wait as long as this, and meanwhile answer no probe, which has a second.
PATIENCE_SECONDS = 0.4


class FullError(Exception):
    """Every thread that may wait is taken, and none came free in time."""


class Places:
    """Counts the threads that serve each party. A thread serves one request at a time, and so has one place at most.

    `room` is how many threads may have a place at once. Where they are all taken, a thread waits a moment for one. Once
    it waited in vain the process is stalled: until a place comes free, nobody waits.

    A thread that takes a place gives up the one that it had, so none stays taken for longer than until its thread's
    next request, whatever became of the request before.
    """

    def __init__(self, room: int = sys.maxsize) -> None:
        self._room = room
        self._is_stalled = False
        self._lock = threading.Condition(threading.Lock())
        self._taken: dict[Hashable, int] = {}
        self._of_thread: dict[int, tuple[Hashable, ...]] = {}

    def take(self, parties: Mapping[Hashable, int]) -> bool:
        """Count this thread for each of the parties; `parties` has the most threads that each may have.

        False, and this thread has no place, if one of them has as many already.

        Raises:
            FullError: as many threads as there is room for have a place.
        """
        thread = threading.get_ident()
        with self._lock:
            self._leave(thread)
            if len(self._of_thread) >= self._room:
                self._wait_for_room()
            taken = self._taken
            if any(taken.get(party, 0) >= most for party, most in parties.items()):
                return False
            for party in parties:
                taken[party] = taken.get(party, 0) + 1
            self._of_thread[thread] = tuple(parties)
        return True

    def leave(self) -> None:
        """Give up this thread's place, if it has one."""
        thread = threading.get_ident()
        if thread in self._of_thread:
            with self._lock:
                self._leave(thread)

    def taken(self, party: Hashable) -> int:
        """How many threads serve the party."""
        return self._taken.get(party, 0)

    def party(self) -> Hashable | None:
        """Whom this thread serves, if anybody."""
        return next(iter(self._of_thread.get(threading.get_ident(), ())), None)

    def _wait_for_room(self) -> None:
        if self._is_stalled or not self._lock.wait_for(lambda: len(self._of_thread) < self._room, PATIENCE_SECONDS):
            self._is_stalled = True
            raise FullError

    def _leave(self, thread: int) -> None:
        if thread in self._of_thread:
            self._is_stalled = False
            self._lock.notify()
        for party in self._of_thread.pop(thread, ()):
            left = self._taken[party] - 1
            if left:
                self._taken[party] = left
            else:
                del self._taken[party]


# Of this process. `retivo.apps` has each request's place given up when its answer is sent.
places = Places(web_threads())

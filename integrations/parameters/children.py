"""Processes that check what may take long, and are killed when it does.

`jsonschema_rs` holds the interpreter's lock while it works, so in a process that serves others everybody would wait.
There are few of these processes, started when first needed. An owner has at most one of them at a time, and owners take
turns, so that each finds one soon, however much another asks for. They end when this process does, for then their
connection is closed.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from integrations.parameters import engine
from retivo.api.errors import Problem

log = structlog.get_logger("retivo.parameters")

CHILDREN = 2
# How long to wait for a child that is free, for the answer of one that runs, and of one that is started first, on a
# busy host. All three together are less than a transaction may be idle for.
_TURN_SECONDS = 1.0
_ANSWER_SECONDS = 1.0
_START_SECONDS = 2.5
# It took too much CPU time, or asked for more memory than it may have.
_COSTLY = {-signal.SIGPROF, -signal.SIGABRT, -signal.SIGSEGV, 1}


class CostlyError(Exception):
    """It took more work than it may take."""


class UnavailableError(Problem):
    """Nobody could check it, for a reason that will pass: all are busy, or they are killed from outside."""

    def __init__(self) -> None:
        detail = "There was no room to check the parameters; nothing was changed. Try again."
        super().__init__(503, "temporarily_unavailable", detail, headers={"Retry-After": "1"})


class _Child:
    """One process. Anything that goes wrong with it is its end."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # exec: nothing of this process is shared, its locks on the embedded PostgreSQL least of all.
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-I", str(Path(engine.__file__)), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.pid = self._process.pid
        self._patience = _START_SECONDS
        self._connection = ours
        self._lines = ours.makefile("rwb")

    def ask(self, request: bytes) -> tuple[Any, float]:
        """Raises OSError or ValueError where no answer comes; the child is of no use then."""
        self._connection.settimeout(self._patience)
        self._lines.write(request)
        self._lines.flush()
        said, seconds = json.loads(self._lines.readline())
        self._patience = _ANSWER_SECONDS
        return said, seconds

    def end(self) -> int:
        """Its exit status, as subprocess has it; it is killed if it still runs."""
        with contextlib.suppress(OSError):  # what it was not told any more
            self._lines.close()
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.05)  # one whose connection broke is about to end by itself
        self._process.kill()
        return self._process.wait(5)


class Children:
    """At most `CHILDREN` processes. Threads may share this; a forked process starts its own."""

    def __init__(self) -> None:
        self._forget()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def close(self) -> None:
        """End those that are idle; the next question starts one anew."""
        while self._idle:
            self._idle.pop().end()

    def _forget(self) -> None:
        self._idle: list[_Child] = []
        # In the order in which they came: the first of them have a child, the others wait for one.
        self._owners: list[object] = []
        self._changed = threading.Condition()

    @property
    def pids(self) -> list[int]:
        """Of those that are idle."""
        return [child.pid for child in self._idle]

    def ask(self, question: str, *about: object, owner: object, seconds: float) -> tuple[Any, float]:
        """What `engine` says to one of its questions, and the seconds of CPU time that it took.

        Raises:
            CostlyError: it takes more than `seconds`, or too much memory.
            UnavailableError: no child was free within a second, or two were killed from outside.
        """
        request = json.dumps([seconds, question, about]).encode() + b"\n"
        with self._turn(owner):
            for _ in range(2):  # whoever kills or stops a child does not fail the check
                try:
                    child = self._idle.pop() if self._idle else _Child()
                except OSError as error:  # no process or memory to be had
                    raise UnavailableError from error
                try:
                    answer = child.ask(request)
                except (OSError, ValueError):
                    status = child.end()
                    log.warning("parameters_child_ended", exit_status=status)
                    if status in _COSTLY:
                        raise CostlyError from None
                else:
                    self._idle.append(child)
                    return answer
        raise UnavailableError

    @contextlib.contextmanager
    def _turn(self, owner: object) -> Iterator[None]:
        end = time.monotonic() + _TURN_SECONDS
        with self._changed:
            self._wait_for(lambda: owner not in self._owners, end)
            self._owners.append(owner)
        try:
            with self._changed:
                self._wait_for(lambda: owner in self._owners[:CHILDREN], end)
            yield
        finally:
            with self._changed:
                self._owners.remove(owner)
                self._changed.notify_all()

    def _wait_for(self, ready: Callable[[], bool], end: float) -> None:
        if not self._changed.wait_for(ready, max(0.0, end - time.monotonic())):
            raise UnavailableError


children = Children()

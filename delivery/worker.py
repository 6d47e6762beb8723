"""The loop that sends: lease, send many at once, record. Any number of these may run, on any number of hosts.

The database is spoken to by one thread at a time for leasing and one for recording; requests are tasks of the event
loop. A request is never made inside a transaction. What a worker had leased when it died comes due again by itself.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from delivery import leases, signing
from delivery.leases import Lease, Result
from delivery.schedule import judge
from delivery.sending import Sender
from delivery.services import CHANNEL

log = structlog.get_logger("retivo.delivery")

T = TypeVar("T")

CONCURRENCY = 256
PER_ENDPOINT = 32
_BATCH = 100
_POLL_SECONDS = 1.0
_AFTER_FAILURE_SECONDS = 1.0

# The database cannot be reached, or went away.
_AWAY = (OperationalError, InterfaceError)


class Worker:
    """`run()` until `stop()`; what is being sent then gets `grace_seconds` to end, the rest is released."""

    def __init__(self, *, sender: Sender | None = None, grace_seconds: float = 10) -> None:
        self._sender = sender or Sender()
        self._grace_seconds = grace_seconds
        self._sending: dict[asyncio.Task[None], Lease] = {}
        self._results: list[Result] = []
        self._wake = asyncio.Event()
        self._recordable = asyncio.Event()
        self._stopping = asyncio.Event()
        self._claimer = ThreadPoolExecutor(1, "claim")
        self._recorder = ThreadPoolExecutor(1, "record")

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            recording = tasks.create_task(self._record())
            await self._claim()
            listening.cancel()
            await self._wind_down()
            recording.cancel()
        self._sender.close()
        for thread in (self._claimer, self._recorder):
            await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
            thread.shutdown()

    async def run_until_idle(self) -> None:
        """Send what is due, and stop when nothing is: for tests and benchmarks."""
        idle = asyncio.create_task(self._stop_when_idle())
        await self.run()
        await idle

    # --- Leasing ----------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        while not self._stopping.is_set():
            free = CONCURRENCY - len(self._sending)
            # No endpoint may take more than a quarter of what is free, so that slow ones leave some to the others.
            wanted, per_endpoint = min(free, _BATCH), max(1, min(PER_ENDPOINT, free // 4))
            self._wake.clear()
            leased: list[Lease] = []
            if wanted > 0:
                claim = partial(leases.claim, wanted=wanted, per_endpoint=per_endpoint, now=datetime.now(UTC))
                try:
                    leased = await _in(self._claimer, claim)
                except _AWAY as error:
                    await self._pause(error)
                    continue
            for lease in leased:
                task = asyncio.create_task(self._send(lease))
                self._sending[task] = lease
                task.add_done_callback(self._sent)
            if not leased:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)

    async def _listen(self) -> None:
        """Be woken by commits. Without it there is still the poll."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(
                    **connection_parameters(), autocommit=True
                ) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    async for _ in listener.notifies():
                        self._wake.set()
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)

    # --- Sending ----------------------------------------------------------------------------------------------------

    async def _send(self, lease: Lease) -> None:
        now = datetime.now(UTC)
        if lease.refusal:
            self._add(Result(lease=lease, reason=lease.refusal))
        elif lease.expires_at <= now:
            self._add(Result(lease=lease, due_at=lease.expires_at))  # for `expire` to end
        else:
            timestamp = int(now.timestamp())
            headers = signing.headers(
                secrets=lease.secrets, message_id=lease.action_id, timestamp=timestamp, body=lease.body
            )
            answer = await self._sender.send(url=lease.url, headers=headers, body=lease.body)
            verdict = judge(answer, attempt=lease.step, expires_at=lease.expires_at, now=datetime.now(UTC))
            self._add(
                Result(
                    lease=lease,
                    answer=answer,
                    delivered=verdict.delivered,
                    due_at=verdict.due_at,
                    reason=verdict.reason,
                )
            )

    def _sent(self, task: asyncio.Task[None]) -> None:
        lease = self._sending.pop(task)
        if task.cancelled():
            self._add(Result(lease=lease, due_at=datetime.now(UTC)))
        elif failure := task.exception():
            # A fault of ours: the lease runs out, and the attempt counts, so that it ends in `failed`.
            log.error("sending_failed", action_id=lease.action_id, exc_info=failure)

    def _add(self, result: Result) -> None:
        self._results.append(result)
        self._recordable.set()

    # --- Recording --------------------------------------------------------------------------------------------------

    async def _record(self) -> None:
        while True:
            await self._recordable.wait()
            self._recordable.clear()
            await self._record_once()

    async def _record_once(self) -> None:
        results, self._results = self._results, []
        if not results:
            return
        try:
            await _in(self._recorder, partial(leases.record, results, now=datetime.now(UTC)))
        except _AWAY as error:
            # The receivers have been told: keep it until it is stored. Storing it twice would change nothing.
            self._results = results + self._results
            self._recordable.set()
            await self._pause(error)
        except asyncio.CancelledError:
            self._results = results + self._results
            raise
        # There is room again, at this endpoint or another.
        self._wake.set()

    async def _pause(self, error: Exception) -> None:
        log.error("database_unavailable", reason=str(error).strip().splitlines()[-1:])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _AFTER_FAILURE_SECONDS)

    async def _wind_down(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=self._grace_seconds)
        for task in list(self._sending):
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)
        await asyncio.sleep(0)
        await self._record_once()

    async def _stop_when_idle(self) -> None:
        """Nothing is due when a whole pause went by without anything being sent."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.1)
            quiet = 0 if self._sending or self._results else quiet + 1
        self.stop()


def connection_parameters() -> dict[str, Any]:
    """The runtime role's connection, for psycopg itself."""
    parameters = connections["default"].get_connection_params()
    return {name: value for name, value in parameters.items() if name not in ("cursor_factory", "context")}


async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, _run, work)


def _run(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()

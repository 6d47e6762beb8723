"""The loop that sends actions and events: lease, send many at once, record. Any number may run, on any number of hosts.

The database is spoken to by one thread at a time for leasing and one for recording; requests are tasks of the event
loop. Parameters that take long to check have threads of their own, where a tenant's take turns. A request is never made
inside a transaction. What a worker had leased when it died comes due again by itself.
"""

import asyncio
import contextlib
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from delivery.services import CHANNEL
from delivery.transport import signing
from delivery.transport.sending import Answer, Sender
from delivery.worker import actions, certifying, endpoints, recording, recovering, webhooks
from delivery.worker.certifying import Certifying
from delivery.worker.chores import Chore
from delivery.worker.queues import AWAY, SLOW_SECONDS, Lease, Queue, Result, Room
from delivery.worker.verdicts import Verdict, judge
from retivo import tracing
from retivo.api.errors import Problem
from retivo.database.backend.waiting import BoundedAsyncConnection
from retivo.metrics import measures

log = structlog.get_logger("retivo.delivery")

T = TypeVar("T")

_QUEUES: tuple[Queue[Any], ...] = (actions.QUEUE, webhooks.QUEUE)

# Places for requests of each queue: to endpoints that are not slow, to those that are, and in all. One that takes its
# time leaves its place to others, and takes none of those for endpoints that are known to be slow: it holds up neither
# kind.
CONCURRENCY = 256
SLOW_CONCURRENCY = 128
_MOST = 768
PER_ENDPOINT = 32
# Of the places that are free none gets more than this part, so that some are left to others.
_FREE_PART = 8
_BATCH = 100
_POLL_SECONDS = 1.0  # also how often events are handed out
_LISTEN_SECONDS = 30.0
_AFTER_FAILURE_SECONDS = 1.0
_CHECKERS = 2


class Worker:
    """`run()` until `stop()`; what is being sent then gets `grace_seconds` to end, the rest is released."""

    def __init__(self, *, sender: Sender | None = None, grace_seconds: float = 10) -> None:
        self._sender = sender or Sender()
        self._grace_seconds = grace_seconds
        self._sending: dict[asyncio.Task[None], tuple[Lease, float]] = {}  # and when it was begun
        self._certifying: set[asyncio.Task[None]] = set()
        self._handed_out_at = float("-inf")
        self._results: list[Result[Any]] = []
        self._held: list[Result[Any]] = []  # that somebody holds a row of, and that are tried again in a while
        self._tallies = endpoints.Tallies()
        self._chores = {name: Chore(name) for name in ("fan_out", "recover", "certify", *(q.name for q in _QUEUES))}
        self._is_looking = True
        self._wake = asyncio.Event()
        self._recordable = asyncio.Event()
        self._stopping = asyncio.Event()
        self._claimer = ThreadPoolExecutor(1, "claim")
        self._recorder = ThreadPoolExecutor(1, "record")
        self._checker = ThreadPoolExecutor(_CHECKERS, "check")
        self._checking: weakref.WeakValueDictionary[UUID, asyncio.Lock] = weakref.WeakValueDictionary()

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
        self._checker.shutdown()

    async def run_until_idle(self) -> None:
        """Send what is due, and stop when nothing is: for tests and benchmarks."""
        idle = asyncio.create_task(self._stop_when_idle())
        await self.run()
        await idle

    # --- Leasing ----------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            self._is_looking = True
            try:
                leased = [lease for queue in _QUEUES for lease in await self._claim_of(queue)]
                handed_out = await self._hand_out()
            except AWAY as error:
                await self._pause(error)
                continue
            if not leased and not handed_out:
                self._is_looking = False
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)

    async def _claim_of(self, queue: Queue[Any]) -> list[Lease]:
        room = self._room(queue)
        if room.wanted <= 0:
            return []
        claim: Callable[[], list[Lease]] = partial(queue.claim, room)
        nothing: list[Lease] = []
        leased = await self._chores[queue.name].do(partial(_in, self._claimer, claim), nothing)
        for lease in leased:
            task = asyncio.create_task(self._send(lease))
            self._sending[task] = (lease, time.monotonic())
            task.add_done_callback(self._sent)
        return leased

    async def _hand_out(self) -> int:
        """Events to webhooks, actions that are recovered, certifications; how many events were passed.

        Now and then: most of the time there is nothing new, and nobody waits for it to be sent at once.
        """
        now = time.monotonic()
        if now < self._handed_out_at + _POLL_SECONDS:
            return 0
        passed = await self._chores["fan_out"].do(partial(_in, self._claimer, webhooks.fan_out), 0)
        await self._chores["recover"].do(partial(_in, self._claimer, recovering.advance), None)
        if free := certifying.free(len(self._certifying)):
            claim, nothing = partial(certifying.claim, free), list[Certifying]()
            for one in await self._chores["certify"].do(partial(_in, self._claimer, claim), nothing):
                task = asyncio.create_task(self._certify(one))
                self._certifying.add(task)
                task.add_done_callback(self._certified)
        if not passed:
            self._handed_out_at = now
        return passed

    def _room(self, queue: Queue[Any]) -> Room:
        late = time.monotonic() - SLOW_SECONDS
        sending = [(lease, begun) for lease, begun in self._sending.values() if lease.queue is queue]
        known = sum(lease.endpoint_is_slow for lease, _ in sending)
        slow = known + sum(not lease.endpoint_is_slow and begun < late for lease, begun in sending)
        free = min(CONCURRENCY + slow, _MOST) - len(sending)
        free_for_slow = max(0, SLOW_CONCURRENCY - known)
        return Room(
            wanted=min(free, _BATCH),
            per_endpoint=_part(free),
            slow_wanted=free_for_slow,
            per_slow_endpoint=_part(free_for_slow),
        )

    async def _listen(self) -> None:
        """Be woken by commits. Without it there is still the poll."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await BoundedAsyncConnection.connect(**connection_parameters(), autocommit=True) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    while True:
                        async for _ in listener.notifies(timeout=_LISTEN_SECONDS):
                            self._wake.set()
                        await listener.execute("SELECT 1")  # or a server that fell silent is listened to for ever
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)

    # --- Sending ----------------------------------------------------------------------------------------------------

    async def _send(self, lease: Lease) -> None:
        checked = lease if lease.is_checked else await self._checked(lease)
        if checked is None:
            self._add(Result(lease=lease, wait_seconds=_AFTER_FAILURE_SECONDS))
        else:
            await self._send_checked(checked)

    async def _checked(self, lease: Lease) -> Lease | None:
        """None where there was no room to check it in time: its lease must not run out while it is being sent."""
        until = time.monotonic() + settings.DELIVERY_LEASE_SECONDS / 4
        turn = self._checking.setdefault(lease.tenant_id, asyncio.Lock())
        async with turn:
            try:
                if time.monotonic() < until:
                    return await asyncio.get_running_loop().run_in_executor(self._checker, lease.checked)
            except Problem as error:
                log.warning("parameters_not_checked", **lease.names, reason=error.detail)
        return None

    async def _send_checked(self, lease: Lease) -> None:
        if lease.refusal:
            self._add(Result(lease=lease, reason=lease.refusal))
        elif lease.is_expired:
            self._add(Result(lease=lease, wait_seconds=0))  # for `expire` to end
        else:
            headers = signing.headers(
                secrets=lease.secrets, message_id=lease.message_id, timestamp=int(time.time()), body=lease.body
            )
            if lease.request_id:
                headers["X-Retivo-Request-Id"] = lease.request_id
            with tracing.attempt(
                url=lease.url, headers=headers, names=lease.names, request_id=lease.request_id
            ) as span:
                answer = await self._sender.send(url=lease.url, headers=headers, body=lease.body)
                if span is not None:
                    span.set_attribute("retivo.answer", answer.summary)
            verdict = judge(answer, attempt=lease.step)
            _tell(lease, answer, verdict)
            self._add(
                Result(
                    lease=lease,
                    answer=answer,
                    delivered=verdict.delivered,
                    wait_seconds=verdict.wait_seconds,
                    reason=verdict.reason,
                )
            )

    def _sent(self, task: asyncio.Task[None]) -> None:
        lease, _ = self._sending.pop(task)
        if task.cancelled():
            self._add(Result(lease=lease, wait_seconds=0))
        elif failure := task.exception():
            # A fault of ours: the lease runs out, and the attempt counts, so that it ends in `failed`.
            log.error("sending_failed", **lease.names, request_id=lease.request_id, exc_info=failure)

    async def _certify(self, one: Certifying) -> None:
        """Send the probes of each check that is left, and store what was answered."""
        for number, check in enumerate(one.left, start=one.done):
            answers = [
                await self._sender.send(url=one.url, headers=probe.headers, body=probe.body)
                for probe in check.probes(one.subject)
            ]
            report = check.report(answers)
            log.info("certification", certification_id=one.id, check=check.name, passed=report["passed"])
            if not await _in(self._recorder, partial(certifying.store, one, number=number, report=report)):
                return

    def _certified(self, task: asyncio.Task[None]) -> None:
        self._certifying.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            log.error("certification_interrupted", exc_info=failure)  # its lease runs out, and it goes on

    def _add(self, result: Result[Any]) -> None:
        self._results.append(result)
        self._recordable.set()

    # --- Recording --------------------------------------------------------------------------------------------------

    async def _record(self) -> None:
        while True:
            # Not wait_for(), which may take being cancelled for being woken.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._recordable.wait()
            self._recordable.clear()
            await self._record_once()
            if self._tallies.is_due():
                await self._store_tallies()

    async def _record_once(self) -> None:
        results, self._results = self._results, []
        if not results:
            return
        try:
            held = await _in(self._recorder, partial(recording.record, results))
        except AWAY as error:
            # The receivers have been told: keep it until it is stored. Storing it twice would change nothing.
            self._results = results + self._results
            self._recordable.set()
            await self._pause(error)
            return
        except asyncio.CancelledError:
            self._results = results + self._results
            raise
        self._tallies.add(result for result in results if result not in held)
        if held:
            self._held += held
            asyncio.get_running_loop().call_later(_AFTER_FAILURE_SECONDS, self._try_held)
        # There is room again, at this endpoint or another.
        self._wake.set()

    async def _store_tallies(self) -> None:
        try:
            await _in(self._recorder, self._tallies.store)
        except Exception as error:  # a sample, of which some may be lost
            log.warning("tallies_lost", exc_info=error)

    def _try_held(self) -> None:
        self._results += self._held
        self._held = []
        self._recordable.set()

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
        for certification in self._certifying:
            certification.cancel()
        if self._certifying:
            await asyncio.wait(self._certifying)
        await asyncio.sleep(0)
        self._try_held()
        await self._record_once()
        await self._store_tallies()

    async def _stop_when_idle(self) -> None:
        """Nothing is due when a whole pause went by without anything being sent, or looked for."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.1)
            is_busy = self._is_looking or self._sending or self._certifying or self._results or self._held
            quiet = 0 if is_busy else quiet + 1
        self.stop()


def connection_parameters() -> dict[str, Any]:
    """The runtime role's connection, for psycopg itself."""
    parameters = connections["default"].get_connection_params()
    return {name: value for name, value in parameters.items() if name not in ("cursor_factory", "context")}


def _tell(lease: Lease, answer: Answer, verdict: Verdict) -> None:
    """An attempt's line in the log, and its count."""
    result = "delivered" if verdict.delivered else "failed" if verdict.reason else "retried"
    kind = answer.error or f"{(answer.status or 0) // 100}xx"
    measures.ATTEMPTS.labels(result, kind).observe(answer.latency_ms / 1000)
    log.info(
        "attempt",
        **lease.names,
        request_id=lease.request_id,
        number=lease.number,
        result=result,
        answer=answer.summary,
        ms=answer.latency_ms,
    )


def _part(free: int) -> int:
    return max(1, min(PER_ENDPOINT, free // _FREE_PART))


async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, _run, work)


def _run(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()

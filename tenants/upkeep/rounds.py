"""Periodic work, tenant by tenant: one that fails stops no other, and where many wait, all workers share them.

A statement says who has something to do, so that nobody else is looked at. Up to `CHUNK` tenants are worked through
in the periodic job itself; more are put into chunks by their ids, a job each, which any worker takes. The chunks stay
the same from round to round: one that still waits is not queued again, and none is worked at by two. What is done for a
tenant is safe to repeat, and to overlap with the round before.

Time is shared. Each tenant has a turn of `TURN_SECONDS`. Work that takes longer notes where it stopped
(`tenants.upkeep.places`) and has further turns once everybody has had one, up to `SHARE_SECONDS` in all, while the
round lasts; the next round goes on from there. A round begins with the tenants that left nothing unfinished, and then
takes those that have waited longest. So no tenant's work keeps another's waiting for longer than a turn.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from tenants.context import upkeep_context
from tenants.upkeep import places

log = structlog.get_logger("retivo.rounds")

CHUNK = 100
_BEHIND_OTHERS = -1  # a chunk may take as long as a round; other jobs do not wait for many of them

TURN_SECONDS = 1.0
SHARE_SECONDS = 10.0  # of one tenant in one round
ROUND_SECONDS = 20.0  # after which nobody has another turn


class TurnOver(Exception):  # noqa: N818 (nothing is wrong)
    """The work is unfinished. What is done is committed, and the next turn goes on from there."""


class Turn:
    """How long a tenant's work may take: it stops at the first step that ends later. By default, never."""

    def __init__(self, seconds: float = float("inf")) -> None:
        self._end = time.monotonic() + seconds

    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def check(self) -> None:
        """Raises TurnOver."""
        if self.is_over():
            raise TurnOver

    def half(self) -> "Turn":
        """A turn that ends when half of what is left of this one is over."""
        return Turn((self._end - time.monotonic()) / 2)


# What is to be done for a tenant. It may raise TurnOver.
Work = Callable[[UUID, Turn], object]


class RoundError(Exception):
    """Some tenants' work failed; the log names them. What the others had to do is done."""


def periodic(*, cron: str, tenants: str) -> Callable[[Work], Task[Any, Any, Any]]:
    """Make a periodic task of what is to be done for one tenant.

    Args:
        tenants: SQL without parameters that finds the ids of those for whom there is something to do, asked as staff.
    """

    def decorate(work: Work) -> Task[Any, Any, Any]:
        name = work.__name__

        @app.task(name=f"{work.__module__}.{name}.chunk")
        def chunk(tenant_ids: list[str]) -> None:
            each(name, [UUID(tenant_id) for tenant_id in tenant_ids], work)

        @app.periodic(cron=cron)
        @app.task(name=f"{work.__module__}.{name}", queueing_lock=name)
        def begin(timestamp: int) -> None:
            found = ask(tenants)
            if len(found) <= CHUNK:
                each(name, found, work)
            else:
                _share(name, found, chunk)

        return begin

    return decorate


def each(name: str, tenants: Collection[UUID], work: Work) -> None:
    """Do the work for each of the tenants, in turns. What is unfinished at the end is left to the next round.

    Raises:
        RoundError: at the end, if any of them failed.
        Exception: at once, whatever failed for want of the database.
    """
    end = time.monotonic() + ROUND_SECONDS
    waiting = deque(places.unfinished_last(name, tenants))
    had = dict.fromkeys(waiting, 0.0)
    failed = 0
    while waiting:
        tenant_id = waiting.popleft()
        if had[tenant_id] and time.monotonic() >= end:
            break  # those behind it had a turn, too
        began = time.monotonic()
        try:
            work(tenant_id, Turn(TURN_SECONDS))
        except TurnOver:
            had[tenant_id] += time.monotonic() - began
            if had[tenant_id] < SHARE_SECONDS:
                waiting.append(tenant_id)
        except Exception:  # whatever it is, it is this tenant's alone
            if connection.connection is None or not connection.is_usable():
                raise
            failed += 1
            log.exception("tenant_failed", round=name, tenant_id=str(tenant_id))
    if failed:
        raise RoundError(f"{name}: {failed} of {len(tenants)} tenants failed.")


def ask(tenants: str) -> list[UUID]:
    """Whom a round's statement finds."""
    with upkeep_context(), connection.cursor() as cursor:
        cursor.execute(tenants)
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def having(table: str, where: str) -> str:
    """The tenants of whom `table` has such rows, as SQL with a column `tenant_id`.

    A partial index of these rows that begins with the tenant answers it: one look for each tenant, however many rows
    it has.
    """
    some = f"SELECT r.tenant_id FROM {table} r WHERE {where}"  # noqa: S608 (our own constants)
    following = f"{some} AND r.tenant_id > f.tenant_id ORDER BY r.tenant_id LIMIT 1"
    return f"""(
        WITH RECURSIVE found (tenant_id) AS (
            ({some} ORDER BY r.tenant_id LIMIT 1)
            UNION ALL
            SELECT ({following}) FROM found f WHERE f.tenant_id IS NOT NULL
        )
        SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL
    )"""  # noqa: S608


# Of a tenant that is being deleted no row is written.
KEPT = "t.plan_status <> 'deleting'"


def of(*found: str, condition: str = KEPT) -> str:
    """The statement for a round: the tenants `t` that any of `found` finds and that meet the condition.

    Args:
        found: SQL with a column `tenant_id`.
    """
    anyone = f"SELECT f.tenant_id FROM ({' UNION '.join(found)}) f"  # noqa: S608 (our own constants)
    chosen = f"t.id = ANY(ARRAY({anyone})) AND {condition}"
    return f"SELECT t.id FROM tenants_tenant t WHERE {chosen} ORDER BY t.created_at, t.id"  # noqa: S608


def _share(name: str, tenants: Collection[UUID], chunk: Task[Any, Any, Any]) -> None:
    """A job for each chunk that does not wait already. Their number is a power of two, and so seldom another."""
    number = 1
    while number * CHUNK < len(tenants):
        number *= 2
    chunks: dict[str, list[Any]] = {}
    for tenant_id in tenants:
        chunks.setdefault(f"{name}/{tenant_id.int % number}/{number}", []).append(str(tenant_id))
    waiting = ProcrastinateJob.objects.filter(status=Status.TODO.value, queueing_lock__in=chunks)
    for key in waiting.values_list("queueing_lock", flat=True):
        del chunks[key]
    if not chunks:
        return
    with suppress(AlreadyEnqueued):  # a round beside this one shared them out since they were looked up
        app.job_manager.batch_defer_jobs(
            [
                chunk.configure(lock=key, queueing_lock=key, priority=_BEHIND_OTHERS).make_new_job(
                    tenant_ids=tenant_ids
                )
                for key, tenant_ids in chunks.items()
            ]
        )

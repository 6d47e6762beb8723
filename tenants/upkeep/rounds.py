"""Periodic work, tenant by tenant: one that fails stops no other, and where many wait, all workers share them.

A statement says who has something to do, so that nobody else is looked at. Up to `CHUNK` tenants are worked through in
the periodic job itself; more are put into chunks by their ids, a job each, which any worker takes. The chunks stay the
same from round to round: one that still waits is not queued again, and none is worked at by two. What is done for a
tenant is safe to repeat, and to overlap with the round before.
"""

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

from tenants.context import staff_context

log = structlog.get_logger("retivo.rounds")

CHUNK = 100

Work = Callable[[UUID], object]


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
    """Do the work for each of the tenants.

    Raises:
        RoundError: at the end, if any of them failed.
        Exception: at once, whatever failed for want of the database.
    """
    failed = 0
    for tenant_id in tenants:
        try:
            work(tenant_id)
        except Exception:  # whatever it is, it is this tenant's alone
            if connection.connection is None or not connection.is_usable():
                raise
            failed += 1
            log.exception("tenant_failed", round=name, tenant_id=str(tenant_id))
    if failed:
        raise RoundError(f"{name}: {failed} of {len(tenants)} tenants failed.")


def ask(tenants: str) -> list[UUID]:
    """Whom a round's statement finds."""
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(tenants)
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


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
                chunk.configure(lock=key, queueing_lock=key).make_new_job(tenant_ids=tenant_ids)
                for key, tenant_ids in chunks.items()
            ]
        )

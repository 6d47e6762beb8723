"""Which workers are alive, and what became of the tasks they did last: for probes, metrics and `manage.py doctor`.

Times are the database's, so that hosts need not agree on theirs.
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connections
from procrastinate import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

from retivo.database.reading import Connection

log = structlog.get_logger("retivo.worker")

BEAT_SECONDS = 10
# A worker that said nothing for this long is taken for dead.
ALIVE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Run:
    """A task's last runs, as seconds since 1970; None where there was none yet."""

    succeeded_at: float | None
    failed_at: float | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Alive:
    """How many workers are, and for how many seconds the last of all has been silent; None where there was none."""

    count: int
    silent_seconds: float | None


def alive(connection: Connection) -> Alive:
    """Asked outside any tenant's context."""
    count, silent = connection.execute(_ALIVE, {"alive": ALIVE_SECONDS}).fetchone()
    return Alive(count=count, silent_seconds=silent)


def runs(connection: Connection) -> Mapping[str, Run]:
    """By the tasks' names; asked outside any tenant's context."""
    return {
        task: Run(succeeded_at=succeeded_at, failed_at=failed_at, seconds=seconds)
        for task, succeeded_at, failed_at, seconds in connection.execute(_RUNS).fetchall()
    }


async def beat(*, every_seconds: float = BEAT_SECONDS) -> None:
    """Say that this process is alive until the task is cancelled."""
    worker_id = uuid4()
    thread = ThreadPoolExecutor(1, "beat")
    try:
        while True:
            await asyncio.get_running_loop().run_in_executor(thread, _beat, worker_id)
            await asyncio.sleep(every_seconds)
    finally:
        thread.submit(connections.close_all)
        thread.shutdown(wait=False)


def _beat(worker_id: UUID) -> None:
    close_old_connections()
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_BEAT, {"id": worker_id, "host": socket.gethostname()[:255]})
    except (OperationalError, InterfaceError) as error:  # the next one says the same
        log.error("heartbeat_failed", reason=str(error).strip().splitlines()[-1:])
    finally:
        close_old_connections()


async def note_run(call_next: AsyncCallNext, context: JobContext, worker: Worker) -> Any:
    """Procrastinate's worker middleware: has each job's end noted under its task's name.

    What the job does and logs has the id `job-<number>` in place of a request's.
    """
    started = time.monotonic()
    succeeded = False
    try:
        with structlog.contextvars.bound_contextvars(request_id=f"job-{context.job.id}"):
            result = await call_next()
        succeeded = True
    finally:
        seconds = time.monotonic() - started
        try:
            await context.app.connector.execute_query_async(
                _NOTE, task=context.job.task_name[:200], seconds=seconds, succeeded=succeeded
            )
        except Exception as error:  # the job is what counts; the next run notes its own end
            log.error("run_not_noted", task=context.job.task_name, exc_info=error)
    return result


_ALIVE = """
    SELECT count(*) FILTER (WHERE seen_at > now() - make_interval(secs => %(alive)s::int)),
           extract(epoch FROM now() - max(seen_at))::float8
      FROM tenants_workerprocess
"""

_RUNS = """
    SELECT task, extract(epoch FROM succeeded_at)::float8, extract(epoch FROM failed_at)::float8, seconds
      FROM tenants_taskrun ORDER BY task
"""

_BEAT = """
    WITH gone AS (
        DELETE FROM tenants_workerprocess WHERE seen_at < now() - interval '1 hour' AND id <> %(id)s
    )
    INSERT INTO tenants_workerprocess (id, host) VALUES (%(id)s, %(host)s)
    ON CONFLICT (id) DO UPDATE SET seen_at = now()
"""

_NOTE = """
    INSERT INTO tenants_taskrun AS t (task, succeeded_at, failed_at, seconds)
    VALUES (%(task)s, CASE WHEN %(succeeded)s THEN now() END, CASE WHEN NOT %(succeeded)s THEN now() END, %(seconds)s)
    ON CONFLICT (task) DO UPDATE SET
        succeeded_at = coalesce(excluded.succeeded_at, t.succeeded_at),
        failed_at = coalesce(excluded.failed_at, t.failed_at),
        seconds = excluded.seconds
"""

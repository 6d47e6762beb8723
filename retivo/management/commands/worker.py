"""manage.py worker: sends actions and does the periodic work. Any number may run, on any number of hosts."""

import asyncio
import signal
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

from delivery.worker.loop import Worker, connection_parameters
from retivo import tracing
from retivo.database.backend.waiting import BoundedAsyncConnection
from retivo.database.checks import exit_unless_fit
from retivo.processes import exit_with
from retivo.sight import exposition
from tenants.upkeep import workers

log = structlog.get_logger("retivo.worker")

_AFTER_FAILURE_SECONDS = 2
_GRACE_SECONDS = 10


class Command(BaseCommand):
    help = "Send actions to their receivers and do the periodic work, until SIGTERM or SIGINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exit-with-parent", type=int, metavar="PID", help="end when this parent process ends (Linux only)"
        )

    def handle(self, *, exit_with_parent: int | None, **options: Any) -> None:
        if exit_with_parent is not None:
            exit_with(exit_with_parent)
        exit_unless_fit()
        connections.close_all()  # this thread's; the loop's threads have their own
        if settings.WORKER_METRICS_PORT:
            try:
                exposition.serve(settings.WORKER_METRICS_PORT)
            except OSError as error:
                raise CommandError(f"WORKER_METRICS_PORT {settings.WORKER_METRICS_PORT}: {error.strerror}.") from error
        tracing.start("retivo-worker")
        asyncio.run(_run())


async def _run() -> None:
    """Both, until a signal; a failure of one that is not the database's ends both and the process."""
    worker = Worker(grace_seconds=_GRACE_SECONDS)
    stopping = asyncio.Event()

    def stop() -> None:
        stopping.set()
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    log.info("worker_started")
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(workers.beat())
        sending = tasks.create_task(worker.run())
        await _work_off_jobs(stopping)
        await sending
        beating.cancel()
    log.info("worker_stopped")


async def _work_off_jobs(stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        jobs = asyncio.create_task(_jobs())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait([jobs, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not jobs.done():
            jobs.cancel()  # procrastinate then lets running jobs end
        try:
            await jobs
        except asyncio.CancelledError:
            return
        except ConnectorException as error:
            log.error("database_unavailable", reason=str(error).strip().splitlines()[-1:])
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)


async def _jobs() -> None:
    bounded = PsycopgConnector(kwargs=connection_parameters(), connection_class=BoundedAsyncConnection)
    with app.replace_connector(bounded) as with_pool:
        try:
            async with with_pool.open_async():
                await with_pool.run_worker_async(
                    queues=_own_queues(with_pool),
                    concurrency=2,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=_GRACE_SECONDS,
                    worker_middleware=[workers.note_run, tracing.trace_job],
                )
        finally:
            # Also where opening it was cancelled: a pool that still connects takes no notice of being cancelled, and
            # the process would not end.
            await bounded.close_async()


def _own_queues(app: App) -> list[str]:
    """Give each task a queue of its own, and name all of them.

    A worker then leaves jobs of tasks that it does not know, which are those of a later release that runs beside it.
    """
    app.perform_import_paths()  # type: ignore[no-untyped-call]
    for task in app.tasks.values():
        task.queue = task.name
    return ["default", *app.tasks]  # where jobs of earlier releases wait, too

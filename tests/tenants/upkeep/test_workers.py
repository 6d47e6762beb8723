"""What workers say of themselves and of the tasks they did."""

import asyncio
from pathlib import Path

import pytest
from django.db import connection
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from tenants.upkeep import workers
from tests.delivery.worker.processes import wait_for, worker
from tests.owner import as_owner


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def test_worker__while_it_runs__is_seen_and_old_ones_are_forgotten(log: Path) -> None:
    as_owner(
        "INSERT INTO tenants_workerprocess (id, host, seen_at)"
        " VALUES (gen_random_uuid(), 'long-gone', now() - interval '2 hours'),"
        " (gen_random_uuid(), 'just-gone', now() - interval '2 minutes')"
    )
    with worker(log):
        wait_for(
            lambda: (
                as_owner("SELECT count(*) FROM tenants_workerprocess WHERE host <> 'just-gone'") == [(1,)]
                and as_owner("SELECT host FROM tenants_workerprocess WHERE host = 'long-gone'") == []
            )
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            alive = workers.alive(connection.connection)

    assert alive.count == 1
    assert alive.silent_seconds is not None
    assert alive.silent_seconds < workers.ALIVE_SECONDS


def test_task__done_by_a_worker__is_noted_with_its_duration(log: Path) -> None:
    with worker(log):
        app.configure_task("delivery.tasks.expire_actions").defer(timestamp=0)
        app.configure_task("no.such.task").defer()
        wait_for(lambda: as_owner("SELECT count(*) FROM tenants_taskrun WHERE task LIKE 'delivery.%%'") == [(1,)])

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        run = workers.runs(connection.connection)["delivery.tasks.expire_actions"]
    assert run.succeeded_at is not None
    assert run.failed_at is None
    assert 0 < run.seconds < 60


def test_run__that_fails_after_a_success__leaves_both_moments() -> None:
    async def work(fails: bool) -> None:
        async def call() -> None:
            if fails:
                raise RuntimeError

        connector = app.connector
        assert isinstance(connector, DjangoConnector)
        with app.replace_connector(connector.get_worker_connector()) as pooled:
            async with pooled.open_async():
                job = pooled.configure_task("a.task").make_new_job()
                context = JobContext(app=pooled, job=job, start_timestamp=0, abort_reason=lambda: None)
                await workers.note_run(call, context, None)  # type: ignore[arg-type]

    asyncio.run(work(False))
    with pytest.raises(RuntimeError):
        asyncio.run(work(True))

    ((succeeded, failed),) = as_owner("SELECT succeeded_at, failed_at FROM tenants_taskrun WHERE task = 'a.task'")
    assert succeeded < failed

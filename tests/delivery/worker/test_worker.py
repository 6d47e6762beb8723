"""The worker as a process: what it starts, how it ends, and the periodic work it does beside sending."""

import signal
import threading
from pathlib import Path

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from tenants.upkeep import rounds
from tests.delivery.cast import Merchant, make_due
from tests.delivery.receiver import Answer, Received, Receiver
from tests.delivery.worker.processes import PATIENCE, wait_for, worker
from tests.owner import as_owner


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker__told_to_stop__has_sent_and_ends_in_order(
    shop: Merchant, inbox: Receiver, log: Path, number: signal.Signals
) -> None:
    with worker(log) as process:
        id = shop.dispatch()
        wait_for(lambda: shop.action(id).status == "delivered")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0, log.read_text()

    assert "worker_stopped" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_worker__stopped_while_sending__waits_for_the_answer(shop: Merchant, inbox: Receiver, log: Path) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(received: Received) -> Answer:
        arrived.set()
        release.wait(PATIENCE)
        return Answer(200)

    inbox.answer = answer
    with worker(log) as process:
        id = shop.dispatch()
        assert arrived.wait(PATIENCE)
        process.terminate()
        wait_for(lambda: shop.action(id).leased_until is not None)
        release.set()
        assert process.wait(PATIENCE) == 0

    assert (shop.action(id).status, len(inbox.received)) == ("delivered", 1)


def test_worker__stopped_and_no_answer__releases_the_lease(shop: Merchant, inbox: Receiver, log: Path) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(received: Received) -> Answer:
        arrived.set()
        release.wait(PATIENCE)
        return Answer(200)

    inbox.answer = answer
    try:
        with worker(log) as process:
            id = shop.dispatch()
            assert arrived.wait(PATIENCE)
            process.terminate()
            assert process.wait(PATIENCE) == 0
    finally:
        release.set()

    action = shop.action(id)
    assert (action.status, action.leased_until, action.attempts) == ("dispatched", None, 0)


def test_worker__killed_while_sending__another_sends_it_under_the_same_id(
    shop: Merchant, inbox: Receiver, log: Path
) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(received: Received) -> Answer | None:
        arrived.set()
        release.wait(PATIENCE)
        return Answer(200)

    inbox.answer = answer
    with worker(log) as process:
        id = shop.dispatch()
        assert arrived.wait(PATIENCE)
        process.kill()
        process.wait(PATIENCE)
    release.set()
    make_due()  # the lease runs out
    with worker(log):
        wait_for(lambda: shop.action(id).status == "delivered")

    assert inbox.ids == [id, id]


def test_worker__database_that_cannot_be__ends_with_an_error(log: Path) -> None:
    with worker(log, ENCRYPTION_KEYS="", RETIVO_DEVELOPMENT="0") as process:
        assert process.wait(PATIENCE) != 0


# --- Periodic work --------------------------------------------------------------------------------------------------


def test_periodic_work__all_of_it__is_registered_with_its_time() -> None:
    registered = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}

    assert registered == {
        "retivo.tasks.retry_stalled_jobs": "*/5 * * * *",
        "retivo.tasks.remove_old_jobs": "23 2 * * *",
        "events.tasks.maintain_events": "7 * * * *",
        "events.tasks.score_tenants": "*/5 * * * *",
        "events.tasks.watch_usage": "4-59/10 * * * *",
        "learning.tasks.fold_examples": "* * * * *",
        "learning.tasks.release_patterns": "41 3 * * *",
        "decisions.tasks.run_playbooks": "* * * * *",
        "decisions.tasks.settle_decisions": "* * * * *",
        "decisions.tasks.count_lift": "*/10 * * * *",
        "decisions.tasks.count_usage": "*/10 * * * *",
        "decisions.tasks.close_usage": "3 * * * *",
        "decisions.tasks.forget_old": "41 2 * * *",
        "delivery.tasks.expire_actions": "* * * * *",
        "delivery.tasks.count_endpoints": "* * * * *",
        "delivery.tasks.cancel_actions": "* * * * *",
        "delivery.tasks.forget_events": "26 * * * *",
        "partners.tasks.move_customers": "* * * * * */5",
        "partners.tasks.forget_rollouts": "37 3 * * *",
        "tenants.tasks.sign_audit_heads": "13 * * * *",
        "tenants.tasks.tell_of_expiring_keys": "*/10 * * * *",
        "tenants.tasks.delete_tenants": "* * * * *",
        "tenants.tasks.forget_permits": "51 * * * *",
        "tenants.tasks.forget_logins": "41 2 * * *",
    }


def test_periodic_work__deferred__is_done_by_the_runtime_role(log: Path) -> None:
    names = [task.task.name for task in app.periodic_registry.periodic_tasks.values()]
    for name in names:
        app.configure_task(name).defer(timestamp=0)

    with worker(log):
        wait_for(lambda: [job_status(name) for name in names] == ["succeeded"] * len(names))


def test_periodic_work__for_more_tenants_than_a_chunk__is_shared_as_jobs_and_all_of_it_done(log: Path) -> None:
    as_owner(
        "INSERT INTO tenants_tenant"
        " (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config)"
        " SELECT gen_random_uuid(), n, 'shop-' || n, 'standalone', 'starter', 'active', 1000, '{}'"
        " FROM generate_series(1, %s) n",
        rounds.CHUNK + 1,
    )
    as_owner(
        "INSERT INTO events_scoringsweep (tenant_id, began_at)"
        " SELECT id, now() - interval '21 hours' FROM tenants_tenant"
    )
    as_owner(
        "INSERT INTO events_trackeduser"
        " (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage, opted_out)"
        " SELECT id, 'u', '', '', '', '', '', '{}', 'new', false FROM tenants_tenant"
    )
    app.configure_task("events.tasks.score_tenants").defer(timestamp=0)

    with worker(log):
        wait_for(lambda: job_status("events.tasks.score_tenants") == "succeeded")
        wait_for(lambda: jobs_of("events.tasks.score_tenants.chunk")[:2] == ["succeeded"] * 2)

    assert unscored() == 0


@pytest.mark.parametrize("another_waits", [False, True])
def test_stalled_job__its_worker_died__is_done_again(log: Path, another_waits: bool) -> None:
    app.configure_task("events.tasks.maintain_events").defer(timestamp=0)
    app.configure_task("retivo.tasks.retry_stalled_jobs").defer(timestamp=0)
    as_owner("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
    as_owner(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)"
        " WHERE task_name = 'events.tasks.maintain_events'"
    )
    if another_waits:
        app.configure_task("events.tasks.maintain_events").defer(timestamp=1)

    with worker(log):
        # Or by the next of its kind, if that waited already: then the first is aborted.
        wait_for(lambda: job_status("events.tasks.maintain_events") in {"succeeded", "aborted"})
        wait_for(lambda: "succeeded" in jobs_of("events.tasks.maintain_events"))


def job_status(name: str) -> str:
    """Of the first job of this task."""
    return jobs_of(name)[0]


def jobs_of(name: str) -> list[str]:
    """The status of each of the task's jobs, the oldest first. A worker that begins defers what is due by now, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", [name])
        return [status for (status,) in cursor.fetchall()]


def unscored() -> int:
    return int(as_owner("SELECT count(*) FROM events_trackeduser WHERE scored_at IS NULL")[0][0])

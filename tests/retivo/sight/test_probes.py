"""The probes of a real server, whose PostgreSQL and worker are stopped rather than killed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from django.test import Client

from tests.owner import as_owner
from tests.ports import free_port
from tests.retivo.database.test_embedded_postgres import new_folder, query, server_of
from tests.retivo.test_run import Run, make_run, wait_for

pytestmark = pytest.mark.long

# Between "has a deadline of a second" and "waits for ever", on a machine that is busy.
PROMPTLY = 5.0
KEPT = 1.1  # an answer serves for a second
WEB_THREADS = 32  # of a process of `make run`
ASKING = WEB_THREADS + 16


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with new_folder("probed") as folder, make_run(folder, free_port()) as found:
        yield found


@contextmanager
def silent(data_dir: Path) -> Iterator[None]:
    """All of the folder's PostgreSQL stopped: connections stay, and nothing is answered on them."""
    server = server_of(data_dir)
    assert server is not None
    server.suspend()
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def probe(run: Run, name: str) -> tuple[int, dict[str, Any], float]:
    started = time.monotonic()
    response = run.get(f"/api/{name}")
    return response.status_code, response.json(), time.monotonic() - started


@pytest.mark.no_database
def test_probes__all_well__are_200(run: Run) -> None:
    wait_for(lambda: probe(run, "readyz")[0] == 200)
    time.sleep(KEPT)  # until no process answers with what it saw before

    assert probe(run, "livez")[:1] == (200,)
    status, health, _ = probe(run, "health")
    assert (status, health["status"], list(health["checks"])) == (200, "ok", ["database"])
    _, ready, _ = probe(run, "readyz")
    assert {name: check["status"] for name, check in ready["checks"].items()} == dict.fromkeys(
        ["database", "schema", "worker"], "ok"
    )


@pytest.mark.no_database
def test_probes__database_silent__livez_is_well_and_the_others_say_so_within_their_deadline(run: Run) -> None:
    with silent(run.data_dir), ThreadPoolExecutor(ASKING) as pool:
        time.sleep(KEPT)
        # More than the server has threads: whoever waited for the database would hold up those behind.
        answers = list(pool.map(lambda name: probe(run, name), ["livez", "readyz", "health"] * 20))
        threads = max(psutil.Process(worker.pid).num_threads() for worker in run.workers)

    for (status, body, seconds), name in zip(answers, ["livez", "readyz", "health"] * 20, strict=True):
        assert status == (200 if name == "livez" else 503), body
        assert seconds < PROMPTLY
        if name != "livez":
            assert body["checks"]["database"]["error"] == "TimeoutError"
    assert threads < WEB_THREADS + 8  # gunicorn's own, and one that asks
    wait_for(lambda: probe(run, "health")[0] == 200)


@pytest.mark.no_database
def test_readyz__worker_stopped__is_503_and_names_it_while_health_is_200(run: Run) -> None:
    run.sender.suspend()
    try:
        query(run.data_dir, "UPDATE tenants_workerprocess SET seen_at = now() - interval '75 seconds'")
        time.sleep(KEPT)
        status, body, _ = probe(run, "readyz")
        assert probe(run, "health")[0] == 200
    finally:
        run.sender.resume()

    assert status == 503
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "database": "ok",
        "schema": "ok",
        "worker": "error",
    }
    assert body["checks"]["worker"]["error"].startswith("No worker was seen for 7")
    wait_for(lambda: probe(run, "readyz")[0] == 200)


def test_readyz__migration_pending__is_503_and_a_newer_schema_is_fine() -> None:
    client = Client()
    as_owner("INSERT INTO tenants_workerprocess (id, host) VALUES (gen_random_uuid(), 'here')")
    as_owner("INSERT INTO django_migrations (app, name, applied) VALUES ('tenants', '9999_of_the_next_release', now())")
    try:
        newer = client.get("/api/readyz")
        as_owner("UPDATE django_migrations SET name = 'x' WHERE app = 'tenants' AND name = '0010_workers'")
        time.sleep(KEPT)
        pending = client.get("/api/readyz")
    finally:
        as_owner("UPDATE django_migrations SET name = '0010_workers' WHERE app = 'tenants' AND name = 'x'")
        as_owner("DELETE FROM django_migrations WHERE name = '9999_of_the_next_release'")

    assert newer.status_code == 200, newer.content
    assert pending.status_code == 503
    assert pending.json()["checks"]["schema"]["error"] == "1 migrations are pending, the first is tenants.0010_workers."


@pytest.mark.no_database
@pytest.mark.parametrize("path", ["/api/livez", "/api/readyz", "/api/health"])
def test_probes__asked_by_address_and_without_tls__are_not_refused(settings: Any, path: str) -> None:
    """As balancers ask; and no method but GET is one."""
    settings.SECURE_SSL_REDIRECT = True
    client = Client(headers={"Host": "10.1.2.3"})

    assert client.get(path).status_code in (200, 503)
    assert client.get(path)["X-Request-Id"]
    assert client.post(path).status_code == 405

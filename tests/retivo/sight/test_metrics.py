"""Metrics of real processes: all of a server's workers together, and a worker's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.db import connections, transaction
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from retivo.metrics import files
from tests import plain_http
from tests.conftest import REPOSITORY, Api, service_environment
from tests.delivery.worker.processes import wait_for
from tests.owner import as_owner
from tests.ports import free_port
from tests.retivo.sight.test_probes import PROMPTLY

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of those that have the labels, 0 where none has."""
    return sum(found for (each, has), found in samples.items() if each == name and labels.items() <= dict(has).items())


class Web:
    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def get(self, path: str, **headers: str) -> httpx.Response:
        return plain_http.get(f"{self.url}{path}", headers=headers, timeout=30)

    def samples(self) -> Samples:
        response = self.get("/metrics", **OPENMETRICS)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("application/openmetrics-text")
        return read(response.text)

    @property
    def workers(self) -> list[Any]:
        found: list[Any] = psutil.Process(self.process.pid).children()
        return found


@contextmanager
def web(log: Path, **more: str) -> Iterator[Web]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}", "retivo.wsgi"]
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=service_environment(TENANT_SHARE_OF_THREADS="1", **more),
            stdout=output,
            stderr=output,
        )
    server = Web(port, process)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            return server.get("/api/livez").status_code == 200 and len(server.workers) == 2
        except httpx.TransportError:
            return False

    try:
        wait_for(answers)
        yield server
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def event(number: int) -> dict[str, Any]:
    return {"user_id": f"u{number}", "event": "opened", "idempotency_key": f"k{number}"}


def test_metrics__of_all_workers__are_the_sum_and_survive_the_death_of_one(merchant: Api, log: Path) -> None:
    # While one worker is dead the other serves them all, and it refuses more than 6 of one partner at once.
    with web(log) as server, ThreadPoolExecutor(4) as pool:
        headers = {"Authorization": f"Bearer {merchant.key}"}

        def send(number: int) -> int:
            body = {"events": [event(number), event(number), {"user_id": "", "event": "x"}]}
            return plain_http.post(f"{server.url}/api/track", json=body, headers=headers).status_code

        assert set(pool.map(send, range(40))) == {200}
        list(pool.map(lambda number: server.get(f"/api/no/such/path/{number}"), range(10)))
        before = server.samples()
        (dead, alive) = server.workers
        dead.send_signal(signal.SIGKILL)
        wait_for(lambda: dead not in server.workers and len(server.workers) == 2)
        assert set(pool.map(send, range(40, 60))) == {200}
        after = server.samples()
        folder = next(Path(entry) for entry in _folders() if _is_of(entry, server.process.pid))
        names = sorted(path.name for path in folder.iterdir())

    tracked = {"method": "POST", "route": "/api/track", "status": "200"}
    assert value(before, "retivo_http_request_seconds_count", **tracked) == 40
    assert value(before, "retivo_http_request_seconds_count", route="none", status="404") == 10
    assert value(before, "retivo_events_total", result="accepted") == 40
    assert value(before, "retivo_events_total", result="duplicate") == 40
    assert value(before, "retivo_events_total") == 120  # the rest was rejected
    assert value(before, "retivo_problems_total", code="not_found") == 10
    assert value(before, "retivo_http_request_database_seconds_sum") > 0
    assert value(before, "retivo_database_up") == 1
    assert value(before, "retivo_event_partitions_months_ahead") == 3
    assert 0 < value(before, "retivo_event_keys_oldest_seconds") <= 6 * 86400
    assert value(after, "retivo_http_request_seconds_count", **tracked) == 60
    assert alive.pid
    # A place's files are of its next worker, too.
    assert names == ["counter_0.db", "counter_1.db", "histogram_0.db", "histogram_1.db", "histogram_server.db", "lock"]
    assert not folder.exists()
    assert str(merchant.tenant_id) not in str(after)


def _folders() -> list[str]:
    parent = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
    return [str(path) for path in parent.glob("retivo-metrics-*")]


def _is_of(folder: str, pid: int) -> bool:
    return any(opened.path.startswith(folder) for opened in psutil.Process(pid).open_files())


def test_folder__of_a_server_that_was_killed__is_removed_by_the_next_and_of_one_that_lives_is_not(
    tmp_path: Path,
) -> None:
    script = (
        "import sys, time; from retivo.metrics import files; files.make_folder(sys.argv[1]);"
        "import os; print(os.environ['PROMETHEUS_MULTIPROC_DIR'], flush=True); time.sleep(600)"
    )
    plain = {name: each for name, each in os.environ.items() if not name.startswith(("RETIVO_METRICS", "PROMETHEUS_"))}

    def start() -> "tuple[subprocess.Popen[str], Path]":
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, env=plain, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    (killed, left), (living, kept) = start(), start()
    killed.kill()
    killed.wait()
    third, _ = start()
    found = (left.exists(), kept.exists())
    for process in (living, third):
        process.kill()
    for process in (killed, living, third):
        process.communicate()

    assert found == (False, True)


def test_place__of_a_worker__is_the_first_that_is_free() -> None:
    assert [files.free_place(taken) for taken in (set(), {"0"}, {"1"}, {"0", "1", "2"})] == ["0", "1", "0", "3"]


@pytest.mark.parametrize(
    ("token", "address", "headers", "status"),
    [
        ("", "127.0.0.1", {}, 200),
        ("", "::1", {"Host": "[::1]:8000"}, 200),
        ("", "10.0.0.7", {}, 404),
        ("", "", {}, 404),
        ("", "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("", "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 404),
        ("", "127.0.0.1", {"X-Real-IP": "203.0.113.9"}, 404),
        ("", "127.0.0.1", {"Host": "retivo.example"}, 404),
        ("", "127.0.0.1", {"Authorization": "Bearer "}, 200),
        ("secret", "127.0.0.1", {}, 404),
        ("secret", "127.0.0.1", {"Authorization": "Bearer other"}, 404),
        ("secret", "10.0.0.7", {"Authorization": "Bearer secret", "X-Forwarded-For": "x", "Host": "a.example"}, 200),
    ],
)
def test_metrics__who_may_read_them(
    settings: Any, token: str, address: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = token

    response = Client(REMOTE_ADDR=address).get("/metrics", headers={"Host": "127.0.0.1:8000", **headers})

    assert response.status_code == status
    if status == 404:
        assert response.json()["code"] == "not_found"


def test_metrics__database_refuses_a_part__tell_the_rest(merchant: Api) -> None:
    as_owner("REVOKE EXECUTE ON FUNCTION delivery_backlog FROM app_web")
    try:
        time.sleep(5.1)
        response = Client().get("/metrics", headers={"Host": "localhost", **OPENMETRICS})
    finally:
        as_owner("GRANT EXECUTE ON FUNCTION delivery_backlog TO app_web")
        time.sleep(5.1)

    samples = read(response.content.decode())
    assert value(samples, "retivo_metrics_refused") == 1
    assert value(samples, "retivo_event_partitions_months_ahead") == 3


def test_metrics__database_silent__answer_in_time_and_say_so(log: Path) -> None:
    """What the processes counted is told all the same."""
    with web(log) as server, _table_held():
        started = time.monotonic()
        samples = server.samples()
        seconds = time.monotonic() - started

    assert seconds < PROMPTLY
    assert value(samples, "retivo_database_up") == 0
    assert value(samples, "retivo_http_request_seconds_count", route="/api/livez") > 0


@contextmanager
def _table_held() -> Iterator[None]:
    """Somebody holds the table that is asked first."""
    with transaction.atomic(using="owner"):
        connections["owner"].cursor().execute("LOCK TABLE tenants_workerprocess IN ACCESS EXCLUSIVE MODE")
        yield

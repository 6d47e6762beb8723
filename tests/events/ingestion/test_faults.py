"""What was acknowledged is there, once, whatever dies meanwhile; from outside, against a server of its own."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import plain_http
from tests.retivo.database.test_embedded_postgres import kill_server, new_folder, query
from tests.retivo.test_run import PATIENCE, make_run, manage, port, wait_for

pytestmark = [pytest.mark.long, pytest.mark.no_database]  # but for the one that `make run` starts

__all__ = ["port"]

CLIENTS = 6
BATCH = 20


class Senders:
    """Clients that send batches of events under keys, and each batch again until it is acknowledged."""

    def __init__(self, port: int, key: str) -> None:
        self.acknowledged: set[str] = set()
        self.refusals: Counter[int] = Counter()
        self._url = f"http://127.0.0.1:{port}/api/track"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self) -> None:
        """Until each client has had a few more batches acknowledged."""
        before = len(self.acknowledged)
        wait_for(lambda: len(self.acknowledged) > before + 5 * CLIENTS * BATCH)

    def _work(self, client: int) -> None:
        with httpx.Client(headers=self._headers, timeout=30, trust_env=False) as http:
            batch = 0
            while not self._stopping.is_set():
                keys = [f"{client}-{batch}-{number}" for number in range(BATCH)]
                self._send(http, [event(key) for key in keys])
                self.acknowledged.update(keys)
                batch += 1

    def _send(self, http: httpx.Client, events: list[dict[str, Any]]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                response = http.post(self._url, json={"events": events})
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if response.status_code == 200:
                assert response.json()["rejected"] == []
                return
            self.refusals[response.status_code] += 1
            assert response.headers["Retry-After"]
            time.sleep(0.05)
        pytest.fail("no answer that takes the events")


def event(key: str) -> dict[str, Any]:
    return {"user_id": key.partition("-")[0], "event": "e", "properties": {"key": key}, "idempotency_key": key}


def new_key(data_dir: Path) -> str:
    result = manage("create_api_key", "--tenant", "demo-loyalty", "--scope", "full", data_dir=data_dir)
    (key,) = (word for word in result.stdout.split() if word.startswith("rt_live_"))
    return key


def stored(data_dir: Path) -> Counter[str]:
    return Counter(dict(query(data_dir, "SELECT properties ->> 'key', count(*) FROM events_event GROUP BY 1")))


def assert_all_there_once(data_dir: Path, acknowledged: set[str]) -> None:
    found = stored(data_dir)
    assert acknowledged <= set(found)
    assert set(found.values()) == {1}
    metered = query(data_dir, "SELECT sum(events), sum(active_users) FROM events_monthlyusage")
    assert metered == [(len(found), CLIENTS)]


def test_killed__worker_then_all_workers_then_postgres__loses_and_doubles_nothing(port: int) -> None:
    with new_folder() as data_dir:
        with make_run(data_dir, port) as run, Senders(port, new_key(data_dir)) as senders:
            senders.wait_for_more()
            run.workers[0].kill()
            senders.wait_for_more()
            for worker in run.arbiter.children():
                worker.kill()
            senders.wait_for_more()
            kill_server(data_dir)
            wait_for(lambda: senders.refusals[503] > 0)
            # What a supervisor does; the clients go on trying meanwhile.
            run.process.terminate()
            run.process.wait(PATIENCE)
            with make_run(data_dir, port):
                senders.wait_for_more()
                senders.stop()
                assert_all_there_once(data_dir, senders.acknowledged)
        assert 503 in senders.refusals.keys() <= {503, 429}


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    with new_folder() as folder:
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode != 0:
            pytest.skip("only root may mount a small disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_disk__full__is_503_and_nothing_that_was_acknowledged_is_lost(port: int) -> None:
    with small_disk(160) as data_dir, make_run(data_dir, port) as run:
        headers = {"Authorization": f"Bearer {new_key(data_dir)}"}
        ballast = data_dir / "ballast"
        acknowledged, statuses = set(), []

        def send(number: int) -> int:
            keys = [f"{number % CLIENTS}-{number}-{n}" for n in range(BATCH)]
            events = [event(key) for key in keys]
            for item in events:
                item["properties"]["filler"] = os.urandom(8000).hex()  # does not compress
            url = f"http://127.0.0.1:{port}/api/track"
            response = plain_http.post(url, json={"events": events}, headers=headers, timeout=60)
            if response.status_code == 200:
                acknowledged.update(keys)
            else:
                assert response.headers["Retry-After"]
            return response.status_code

        for number in range(CLIENTS):
            assert send(number) == 200
        free = os.statvfs(data_dir)
        with ballast.open("wb") as file:
            file.write(b"\0" * (free.f_bavail * free.f_bsize - 4 * 1024 * 1024))
        for number in range(CLIENTS, 60):
            statuses.append(send(number))
        assert set(statuses) <= {200, 503}
        assert 503 in statuses
        # With no room for its log PostgreSQL gives up: somebody makes room, and starts it again.
        ballast.unlink()
        run.process.terminate()
        run.process.wait(PATIENCE)
        with make_run(data_dir, port):
            assert send(60) == 200
            assert_all_there_once(data_dir, acknowledged)

"""Workers and PostgreSQL are killed while 5,000 actions are due and the receiver fails a third of its answers."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.delivery.receiver import Answer, Received, receiver
from tests.delivery.worker.processes import wait_for
from tests.retivo.database.test_embedded_postgres import new_folder, query, server_of
from tests.sizes import size

pytestmark = [pytest.mark.long, pytest.mark.no_database]  # but for the one that is killed

ACTIONS = size(1_500, whole=5_000)
WORKERS = 2
KILLS = size(4, whole=8)  # every third is PostgreSQL
PATIENCE = 120


class Workers:
    """As a supervisor keeps them: one that ended is started anew, and starts PostgreSQL again if that has gone."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DATABASE_", "DJANGO_", "RETIVO_", "SECRET_KEY", "ENCRYPTION_"))
        }
        self.environment = {
            **kept,
            "DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "tests.delivery.worker.chaos_settings",
        }
        self.log = log
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        with self.log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.processes.append(process)

    def kill_one(self) -> None:
        victim = self.processes.pop(random.randrange(len(self.processes)))
        victim.kill()
        victim.wait()
        self.start()

    def end(self) -> list[int]:
        for process in self.processes:
            process.terminate()
        return [process.wait(60) for process in self.processes]


def test_chaos__workers_and_database_killed_at_random__every_action_arrives(tmp_path: Path) -> None:
    accepted: set[str] = set()
    bodies: dict[str, set[bytes]] = defaultdict(set)
    lock = threading.Lock()

    def answer(received: Received) -> Answer | None:
        id = received.headers["webhook-id"]
        with lock:
            bodies[id].add(received.body)
            if (fate := random.random()) > 1 / 3:
                accepted.add(id)
                return Answer()
        return Answer(500) if fate > 1 / 6 else None

    with new_folder("chaos") as data_dir, receiver(answer) as inbox:
        workers = Workers(data_dir, tmp_path / "log")
        subprocess.run(
            [sys.executable, "-m", "bench.populate", inbox.url, str(ACTIONS)],
            cwd=REPOSITORY,
            env=workers.environment,
            check=True,
            timeout=PATIENCE,
        )
        for _ in range(WORKERS):
            workers.start()
        try:
            for kill in range(1, KILLS + 1):
                known = len(accepted)
                wait_for(lambda n=known: len(accepted) > n, PATIENCE)  # type: ignore[misc]  # things go on
                time.sleep(random.uniform(0, 1))
                if kill % 3 == 0 and (server := server_of(data_dir)) is not None:
                    server.kill()
                workers.kill_one()
            wait_for(lambda: len(accepted) == ACTIONS, PATIENCE)
            wait_for(lambda: count(data_dir, "delivery_action WHERE status <> 'delivered'") == 0, PATIENCE)
            ids = {row[0] for row in query(data_dir, "SELECT id FROM delivery_action")}
            attempts = count(data_dir, "delivery_attempt")
            delivered = count(data_dir, "delivery_attempt WHERE status_code = 200")
        finally:
            codes = workers.end()

    assert accepted == ids
    assert bodies.keys() == ids
    # Whatever was repeated was the same, to the byte.
    assert {len(seen) for seen in bodies.values()} == {1}
    assert attempts <= len(inbox.received)
    assert delivered >= ACTIONS
    assert codes == [0] * WORKERS, (tmp_path / "log").read_text()[-3000:]


def count(data_dir: Path, what: str) -> int:
    return int(query(data_dir, f"SELECT count(*) FROM {what}")[0][0])

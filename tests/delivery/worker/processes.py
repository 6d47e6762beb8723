"""Workers as processes of their own, on the test's database."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import REPOSITORY, service_environment

PATIENCE = 60


def start(log: Path, **more: str) -> "subprocess.Popen[bytes]":
    with log.open("a") as output:
        return subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=REPOSITORY,
            env=service_environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


@contextmanager
def worker(log: Path, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = start(log, **more)
    try:
        wait_for(lambda: "worker_started" in log.read_text() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

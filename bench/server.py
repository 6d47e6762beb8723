"""A gunicorn as production runs it, on a database of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connections

DATABASE = "retivo_bench"


@contextmanager
def database() -> Iterator[None]:
    """A fresh, migrated database under both connections; dropped afterwards."""
    owner = connections["owner"]
    home = owner.settings_dict["NAME"]
    _drop()
    with owner.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    try:
        _use(DATABASE)
        call_command("migrate", verbosity=0)
        yield
    finally:
        _use(home)
        _drop()
        connections.close_all()


@contextmanager
def gunicorn() -> Iterator[int]:
    """Serves `bench.settings` on a free port until the block ends; its log goes nowhere."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings", "BENCH_DATABASE": DATABASE}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"],
        cwd=Path(__file__).parent.parent,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("gunicorn ended; start it by hand to see why")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn does not listen")


def _drop() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


def _use(name: str) -> None:
    for alias in ("default", "owner"):
        connection = connections[alias]
        connection.close()
        connection.settings_dict["NAME"] = name

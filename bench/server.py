"""A gunicorn as production runs it, and the peer, on a database of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from django.core.management import call_command
from django.db import connections

DATABASE = "retivo_bench"
WORKERS = int(os.environ.get("WEB_CONCURRENCY") or 2)  # as gunicorn.conf.py has it


@dataclass(frozen=True)
class Server:
    """`process` is the parent of all that serve."""

    port: int
    process: psutil.Process


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


def gunicorn() -> AbstractContextManager[Server]:
    """Serves `bench.settings` on a free port until the block ends; its log goes nowhere."""
    environment = {"DJANGO_SETTINGS_MODULE": "bench.settings", "BENCH_DATABASE": DATABASE}
    return _serve(["gunicorn", "-c", "gunicorn.conf.py", "-b", "127.0.0.1:{port}"], environment)


def peer() -> AbstractContextManager[Server]:
    """Serves `bench.peer` with as many processes, once its tables are there."""
    settings = connections["owner"].settings_dict
    host = settings["HOST"] or settings["OPTIONS"].get("host", "")
    login = {"PGUSER": settings["USER"], "PGPASSWORD": settings["PASSWORD"], "PGDATABASE": DATABASE, "PGHOST": host}
    if settings["PORT"]:
        login["PGPORT"] = str(settings["PORT"])
    command = ["uvicorn", "bench.peer:app", "--port", "{port}", "--workers", str(WORKERS), "--no-access-log"]
    return _serve(command, {name: value for name, value in login.items() if value})


@contextmanager
def _serve(command: list[str], environment: dict[str, str]) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *(part.format(port=port) for part in command)],
        cwd=Path(__file__).parent.parent,
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended; start it by hand to see why")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not listen")


def _drop() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


def _use(name: str) -> None:
    for alias in ("default", "owner"):
        connections[alias].close()
    for config in connections.settings.values():
        config["NAME"] = name

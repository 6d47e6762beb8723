"""A proxy between the service and PostgreSQL, a process of its own: where it is stopped, the server falls silent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.db import connections

from tests.conftest import all_in_one
from tests.ports import free_port

_PROGRAM = """
import asyncio, sys

port, target = int(sys.argv[1]), sys.argv[2]

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()

async def serve(reader, writer):
    if target.startswith("/"):
        there = await asyncio.open_unix_connection(target)
    else:
        there = await asyncio.open_connection(*target.rsplit(":", 1))
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()

asyncio.run(main())
"""


@dataclass
class Proxy:
    port: int
    process: "subprocess.Popen[bytes]"

    def url(self) -> str:
        """Of an installation with one URL, through here."""
        config = all_in_one()
        credentials = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
        return f"postgres://{credentials}@127.0.0.1:{self.port}/{config['NAME']}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def proxy(port: int | None = None) -> Iterator[Proxy]:
    port = port or free_port()
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port), _target()])
    try:
        running = Proxy(port, process)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError), psycopg.connect(running.url(), connect_timeout=5):
                break
            time.sleep(0.05)
        yield running
    finally:
        process.kill()
        process.wait()


def _target() -> str:
    config = connections["default"].settings_dict
    host, port = config["HOST"] or config["OPTIONS"].get("host", ""), config["PORT"] or 5432
    return str(Path(host) / f".s.PGSQL.{port}") if host.startswith("/") else f"{host or '127.0.0.1'}:{port}"

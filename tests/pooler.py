"""PgBouncer between the service and PostgreSQL, where it is installed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import all_in_one
from tests.ports import free_port

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer (Debian: apt-get install pgbouncer)")


def version() -> tuple[int, ...]:
    assert PGBOUNCER is not None
    said = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, said.split()[1].split(".")))


@contextmanager
def pgbouncer(**settings: str) -> Iterator[str]:
    """The URL of an installation with one, through a pooler."""
    assert PGBOUNCER is not None
    config, port = all_in_one(), free_port()
    host = config["HOST"] or config["OPTIONS"].get("host", "") or "127.0.0.1"
    # Root may not run it; whoever owns the socket's folder may connect.
    user = Path(host).stat().st_uid if os.geteuid() == 0 and host.startswith("/") else None
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        users, ini = Path(folder) / "users", Path(folder) / "ini"
        users.write_text(f'"{config["USER"]}" "{config["PASSWORD"]}"\n')
        options = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": str(users),
            "pool_mode": "transaction",
            "default_pool_size": "4",
            **settings,
        }
        ini.write_text(
            f"[databases]\n* = host={host} port={config['PORT'] or 5432}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in options.items())
        )
        process = subprocess.Popen([PGBOUNCER, "-q", str(ini)], user=user, stdout=subprocess.DEVNULL)
        try:
            url = f"postgres://{config['USER']}@127.0.0.1:{port}/{config['NAME']}"
            deadline = time.monotonic() + 30
            while True:
                try:
                    psycopg.connect(url, connect_timeout=5).close()
                    break
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline
                    assert process.poll() is None
                    time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)

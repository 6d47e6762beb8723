"""Behind PgBouncer in transaction mode, as Debian 12 has it: 1.18, which loses prepared statements."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connections

from tests.conftest import Api, Server, free_port, gunicorn

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer (Debian: apt-get install pgbouncer)")


@contextmanager
def pgbouncer(**settings: str) -> Iterator[str]:
    """The runtime role's URL through a pooler."""
    assert PGBOUNCER is not None
    config, port = connections["default"].settings_dict, free_port()
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


@pytest.mark.parametrize("pool_size", ["1", "4"])
def test_requests__through_a_pooler_that_loses_prepared_statements__all_succeed(
    merchant: Api, tmp_path: Path, pool_size: str
) -> None:
    with pgbouncer(default_pool_size=pool_size) as url:
        log = tmp_path / "log"
        with gunicorn(log, DATABASE_URL=url, TENANT_SHARE_OF_THREADS="1") as server:
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda n: track(server, merchant, n), range(200)))
            page = httpx.get(f"{server.url}/api/customers", headers=headers(merchant), timeout=60, trust_env=False)

    assert {answer.status_code for answer in answers} == {200}
    assert page.json()["total"] == 20
    assert "prepared_statements_off" in log.read_text()


def track(server: Server, api: Api, number: int) -> httpx.Response:
    body = {"events": [{"user_id": f"user-{number % 20}", "event": "opened", "idempotency_key": f"{number}"}]}
    return httpx.post(f"{server.url}/api/track", json=body, headers=headers(api), timeout=60, trust_env=False)


def headers(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.key}"}

"""`make run`, from outside: what it starts, what it leaves behind, and what it says where it cannot."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from tests import plain_http
from tests.ports import free_port
from tests.retivo.database.test_embedded_postgres import CHECKOUT, new_folder, query, server_of, socket_dir_of

pytestmark = [pytest.mark.long, pytest.mark.no_database]  # but for the one that `make run` starts

# Seconds; a machine that runs the other tests as well is slow.
PATIENCE = 90

# What `make test` or a given server leaves in the environment is not for the processes here.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("MAKE", "MFLAGS", "DATABASE_", "DJANGO_", "WEB_", "RETIVO_", "SECRET_KEY", "ENCRYPTION_"))
}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with new_folder("the data") as folder:
        yield folder


@pytest.fixture
def port() -> int:
    return free_port()


class Run:
    """`make run` that answers; its processes are looked up once, by their parents."""

    def __init__(self, data_dir: Path, port: int, process: "subprocess.Popen[str]") -> None:
        self.data_dir = data_dir
        self.port = port
        self.process = process
        self.make = psutil.Process(process.pid)
        (self.arbiter,) = self.make.children()
        wait_for(lambda: len(self.arbiter.children()) == 3)  # one may answer before the other is there
        # The one that sends actions is started first.
        self.sender, *self.workers = sorted(self.arbiter.children(), key=lambda child: child.create_time())

    def get(self, path: str) -> httpx.Response:
        return plain_http.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def wait_until_gone(self) -> None:
        _, alive = psutil.wait_procs([self.make, self.arbiter, self.sender, *self.workers], timeout=PATIENCE)
        assert not alive
        wait_for(lambda: server_of(self.data_dir) is None)
        with socket.create_server(("127.0.0.1", self.port)):
            pass


@contextmanager
def make_run(data_dir: Path, port: int) -> Iterator[Run]:
    with subprocess.Popen(
        ["make", "run", f"PORT={port}", f"DATA_DIR={data_dir}"],
        cwd=CHECKOUT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,  # a terminal's foreground group, for Ctrl-C
        text=True,
    ) as process:
        try:
            wait_for(lambda: process.poll() is not None or answers(port))
            assert process.poll() is None
            yield Run(data_dir, port, process)
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        return plain_http.get(f"http://127.0.0.1:{port}/api/health", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def manage(*arguments: str, data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**ENVIRONMENT, "DATA_DIR": str(data_dir), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def complaints(result: "subprocess.CompletedProcess[str]") -> list[str]:
    """The lines on standard error, but for the note that the first start as root makes."""
    return [line for line in result.stderr.splitlines() if "may now pass through" not in line]


def test_run__many_requests_at_once__all_workers_answer_from_the_database(data_dir: Path, port: int) -> None:
    with make_run(data_dir, port) as run, ThreadPoolExecutor(32) as pool:
        assert {response.status_code for response in pool.map(run.get, ["/api/health"] * 200)} == {200}


def test_run__ctrl_c__leaves_nothing_running(data_dir: Path, port: int) -> None:
    with make_run(data_dir, port) as run:
        os.killpg(run.process.pid, signal.SIGINT)
        run.wait_until_gone()


def test_run__make_is_terminated__leaves_nothing_running(data_dir: Path, port: int) -> None:
    with make_run(data_dir, port) as run:
        run.process.terminate()
        run.wait_until_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server outlives a killed make")
def test_run__make_is_killed__leaves_nothing_running(data_dir: Path, port: int) -> None:
    with make_run(data_dir, port) as run:
        run.process.kill()
        run.wait_until_gone()


@pytest.mark.parametrize("victim", ["make", "arbiter", "worker", "postgres"])
def test_run__after_a_process_was_killed__works_and_has_the_row(data_dir: Path, port: int, victim: str) -> None:
    with make_run(data_dir, port) as run:
        query(data_dir, "CREATE TABLE IF NOT EXISTS kept (victim text)")
        query(data_dir, f"INSERT INTO kept VALUES ('{victim}')")
        server = server_of(data_dir)
        assert server is not None
        {"make": run.make, "arbiter": run.arbiter, "worker": run.workers[0], "postgres": server}[victim].kill()
        if victim == "worker":
            wait_for(lambda: len(run.arbiter.children()) == 3)
            assert run.get("/api/health").status_code == 200
        # What a user does next; where make or the arbiter has gone, the rest ends by itself.
        run.process.terminate()
        run.process.wait(PATIENCE)
        with make_run(data_dir, port):
            assert query(data_dir, f"SELECT count(*) FROM kept WHERE victim = '{victim}'") == [(1,)]


def test_seed__second_time_and_from_another_process__adds_nothing(data_dir: Path, port: int) -> None:
    with make_run(data_dir, port) as run:
        tenants = query(data_dir, "SELECT count(*) FROM tenants_tenant")
        second = manage("seed_demo", data_dir=data_dir)
        assert (second.returncode, second.stdout.count("rt_live_")) == (0, 0)
        assert query(data_dir, "SELECT count(*) FROM tenants_tenant") == tenants
        # The other process has ended, and has not taken the database with it.
        assert run.get("/api/health").status_code == 200


def test_run__port_in_use__says_so_in_one_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = manage("run", f"--port={port}", data_dir=data_dir)
    assert result.returncode == 1
    assert complaints(result) == [
        f"retivo: Port {port} is in use. Stop what listens on it, or take another: make run PORT=8001"
    ]


@pytest.mark.parametrize("address", [("--host=192.0.2.1",), ("--host=no.such.host.invalid",), ("--port=99999",)])
def test_run__address_that_cannot_be__says_so_in_one_line(data_dir: Path, address: tuple[str]) -> None:
    result = manage("run", *address, data_dir=data_dir)
    assert result.returncode == 1
    assert [line.split(" on ")[0] for line in complaints(result)] == ["retivo: Cannot listen"]


def test_run__unusable_folder__says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    result = manage("run", data_dir=tmp_path / "data")
    assert result.returncode == 1
    assert len(complaints(result)) == 1
    assert complaints(result)[0].startswith(f"retivo: The data folder {tmp_path / 'data'} is not usable")


def test_command__nothing_is_migrated__says_so_in_one_line() -> None:
    commands = [["create_api_key", "--tenant", "demo-loyalty", "--scope", "partner"], ["seed_demo"], ["score_users"]]
    with new_folder("new") as folder:
        for command in commands:
            result = manage(*command, data_dir=folder)
            assert result.returncode == 1
            assert [line[:40] for line in complaints(result)] == ["retivo: The database has no tables yet: "]


@pytest.mark.skipif(sys.platform != "linux", reason="does nothing elsewhere")
def test_run__parent_that_has_ended__ends_too(data_dir: Path) -> None:
    result = manage("run", "--exit-with-parent=1", data_dir=data_dir)
    assert result.returncode == 1
    assert complaints(result) == ["retivo: The process that started this has ended."]


def test_wsgi__runtime_role_is_superuser__refuses_to_start(data_dir: Path) -> None:
    script = "from retivo.database import embedded_postgres as e; e.start_if_configured(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env={**ENVIRONMENT, "DATA_DIR": str(data_dir)},
        stdin=subprocess.PIPE,
        text=True,
    ) as holder:
        wait_for(lambda: server_of(data_dir) is not None)
        result = subprocess.run(
            [sys.executable, "-c", "import retivo.wsgi"],
            cwd=CHECKOUT,
            env={
                **ENVIRONMENT,
                "DATA_DIR": str(data_dir),
                "RETIVO_DEVELOPMENT": "1",
                "DATABASE_URL": f"postgresql://postgres@:5432/{socket_dir_of(data_dir)}/retivo".replace(" ", "%20"),
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        holder.communicate("\n")
    assert result.returncode == 1
    assert all(line.startswith("retivo: ") for line in result.stderr.splitlines())
    assert "superuser" in result.stderr


def test_make__python_too_old__says_so_in_one_line(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements-embedded.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    result = subprocess.run(
        ["make", "run", "PYTHON=false"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    ours = [line for line in result.stderr.splitlines() if not line.startswith("make: ")]
    assert ours == ["retivo: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"]


def test_make__without_a_target__lists_them_all() -> None:
    result = subprocess.run(["make"], cwd=CHECKOUT, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[1] for line in result.stdout.splitlines()] == targets.split()

"""New code on one host under load: no request fails, and the new code is served afterwards."""

import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from retivo.settings import VERSION
from tests.conftest import REPOSITORY, Api, service_environment
from tests.delivery.worker.processes import PATIENCE, wait_for
from tests.deploy.load import Load
from tests.owner import as_owner
from tests.ports import free_port

pytestmark = pytest.mark.long

NEW = "99.0.0"
# One tenant makes all the load: it may not use all threads.
THREADS = "32"


@pytest.fixture
def blue(tmp_path: Path) -> Path:
    return copy_of_the_code(tmp_path / "blue")


@pytest.fixture
def green(tmp_path: Path) -> Path:
    """A release that says another version of itself."""
    folder = copy_of_the_code(tmp_path / "green")
    release(folder, NEW)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def copy_of_the_code(folder: Path) -> Path:
    """This checkout as a release is deployed: in a folder of its own, with its virtual environment."""
    left_out = shutil.ignore_patterns(".*", "tests", "bench", "docs", "__pycache__")
    shutil.copytree(REPOSITORY, folder, ignore=left_out)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def release(folder: Path, version: str) -> None:
    settings = folder / "retivo" / "settings.py"
    settings.write_text(settings.read_text().replace(f'VERSION = "{VERSION}"', f'VERSION = "{version}"'))


@contextmanager
def started(command: str, folder: Path, log: Path, **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("a") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            ["bash", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


# --- As systemd does it ---------------------------------------------------------------------------------------------


@contextmanager
def instance(folder: Path, listener: socket.socket, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`systemctl start retivo-web@…`: the unit's command with the socket unit's socket, until it says that it is up."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(REPOSITORY / "deploy" / "systemd" / "retivo-web@.service")
    assert unit["Service"]["Type"] == "notify"
    command = unit["Service"]["ExecStart"].replace("/srv/retivo/%i", shlex.quote(str(folder)))
    handed_over = f"export LISTEN_PID=$$ LISTEN_FDS=1; exec {command} 3<&{listener.fileno()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(folder / "notify"))
        told.settimeout(PATIENCE)
        more = service_environment(NOTIFY_SOCKET=str(folder / "notify"), WEB_THREADS=THREADS)
        with started(handed_over, folder, log, env=more, pass_fds=[listener.fileno()]) as process:
            assert told.recv(1024).startswith(b"READY=1"), log.read_text()
            yield process


def test_code__changed_by_a_second_instance_on_the_same_socket__fails_no_request(
    merchant: Api, blue: Path, green: Path, log: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        with instance(blue, listener, log) as old, Load(port, key=merchant.key) as load:
            load.wait_for_version(VERSION)
            with instance(green, listener, log):
                old.terminate()
                assert old.wait(PATIENCE) == 0
                load.wait_for_version(NEW, alone=True)
                # Undone in the same way.
                with instance(copy_of_the_code(blue.with_name("again")), listener, log) as again:
                    load.wait_for_version(VERSION)
                    again.terminate()
                    assert again.wait(PATIENCE) == 0
                load.wait_for_version(NEW, alone=True)
                load.__exit__()

    assert load.failures == [], log.read_text()
    assert load.accepted == stored(merchant) > 0


# --- Without systemd ------------------------------------------------------------------------------------------------


def test_code__changed_in_its_place_by_usr2__fails_no_request(merchant: Api, blue: Path, log: Path) -> None:
    port = free_port()
    # Not by `python -m`: started again by its arguments, it would have the folder of the package first in its path.
    command = f"exec {sys.executable} {sys.prefix}/bin/gunicorn -c gunicorn.conf.py -b 127.0.0.1:{port}"
    with started(command, blue, log, env=service_environment(WEB_THREADS=THREADS)) as old:
        wait_for(lambda: _listens(port))
        children = set(psutil.Process(old.pid).children())
        with Load(port, key=merchant.key) as load:
            load.wait_for_version(VERSION)
            release(blue, NEW)
            old.send_signal(signal.SIGUSR2)
            load.wait_for_version(NEW)
            (new,) = (child for child in psutil.Process(old.pid).children() if child.children())
            old.terminate()
            assert old.wait(PATIENCE) == 0
            load.wait_for_version(NEW, alone=True)
        workers = new.children()
        new.terminate()
        _, alive = psutil.wait_procs([new, *workers, *children], timeout=PATIENCE)

    assert not alive
    assert load.failures == [], log.read_text()
    assert load.accepted == stored(merchant) > 0


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def stored(merchant: Api) -> int:
    ((rows,),) = as_owner("SELECT count(*) FROM events_event WHERE tenant_id = %s", merchant.tenant_id)
    return int(rows)

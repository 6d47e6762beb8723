"""`manage.py doctor`: each check, made to fail by what it is there to find."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connections

from retivo.sight import doctor
from retivo.sight.doctor import Grade
from tests.conftest import REPOSITORY, Api
from tests.delivery.worker.processes import environment
from tests.owner import as_owner
from tests.pooler import needs_pgbouncer, pgbouncer, version
from tests.retivo.sight.test_metrics import free_port

TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def own_role(statement: str) -> None:
    """The runtime role may set its own defaults."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_database()")
        cursor.execute(f"ALTER ROLE app_rt IN DATABASE {cursor.fetchone()[0]} {statement}")


@pytest.fixture(autouse=True)
def well() -> Iterator[None]:
    as_owner("INSERT INTO tenants_workerprocess (id, host) VALUES (gen_random_uuid(), 'here')")
    for name in TIMEOUTS:
        own_role(f"SET {name} = '5s'")
    yield
    for name in TIMEOUTS:
        own_role(f"RESET {name}")


def found(name: str) -> tuple[Grade, str]:
    (finding,) = [each for each in doctor.examine() if each.name == name]
    return finding.grade, finding.detail


def test_doctor__all_well__says_so_of_each_check(merchant: Api) -> None:
    body = {"user_id": "u1"}
    assert merchant.post("/api/customers", body, Idempotency_Key="k1").status_code == 201  # a stored secret

    findings = list(doctor.examine())

    assert {each.name: each.grade for each in findings} == dict.fromkeys(
        [
            "database",
            "clock",
            "pooler",
            "schema",
            "indexes",
            "partitions",
            "key rings",
            "role",
            "timeouts",
            "grants",
            "worker",
            "encryption",
        ],
        Grade.OK,
    ), findings
    assert findings[-1].detail == "1 keys; 1 stored secrets were tried and decrypt"


def _no_timeout() -> None:
    own_role("SET lock_timeout = 0")


def _pending() -> None:
    as_owner("UPDATE django_migrations SET name = 'x' WHERE app = 'tenants' AND name = '0010_workers'")


def _not_pending() -> None:
    as_owner("UPDATE django_migrations SET name = '0010_workers' WHERE app = 'tenants' AND name = 'x'")


NEXT_MONTH = "'events_event_90_' || to_char((now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM')"


def _lack_partition() -> None:
    as_owner(f"DO $$ BEGIN EXECUTE format('ALTER TABLE %I RENAME TO away', {NEXT_MONTH}); END $$")


def _give_partition_back() -> None:
    as_owner(f"DO $$ BEGIN EXECUTE format('ALTER TABLE away RENAME TO %I', {NEXT_MONTH}); END $$")


def _no_worker() -> None:
    as_owner("UPDATE tenants_workerprocess SET seen_at = now() - interval '2 minutes'")


def _failing_task() -> None:
    as_owner("INSERT INTO tenants_taskrun (task, failed_at, seconds) VALUES ('a.task', now(), 1)")


def _nothing() -> None:
    pass


def _no_row_security() -> None:
    as_owner("ALTER TABLE decisions_playbook DISABLE ROW LEVEL SECURITY")


def _row_security() -> None:
    as_owner("ALTER TABLE decisions_playbook ENABLE ROW LEVEL SECURITY")


def _no_grant() -> None:
    as_owner("REVOKE ALL ON delivery_endpoint FROM app_rt")


def _grant() -> None:
    as_owner("GRANT SELECT, INSERT, UPDATE ON delivery_endpoint TO app_rt")


@pytest.mark.parametrize(
    ("name", "spoil", "mend", "grade", "detail"),
    [
        ("timeouts", _no_timeout, _nothing, Grade.FAILURE, "no lock_timeout"),
        ("schema", _pending, _not_pending, Grade.FAILURE, "tenants.0010_workers"),
        ("partitions", _lack_partition, _give_partition_back, Grade.FAILURE, "0 months ahead"),
        ("worker", _no_worker, _nothing, Grade.FAILURE, "none was seen for 12"),
        ("worker", _failing_task, _nothing, Grade.WARNING, "failed last: a.task"),
        ("grants", _no_row_security, _row_security, Grade.FAILURE, "decisions_playbook has no row-level security"),
        ("grants", _no_grant, _grant, Grade.FAILURE, "delivery_endpoint is closed to the runtime role"),
    ],
)
def test_doctor__with_one_thing_spoiled__finds_it(
    name: str, spoil: Callable[[], None], mend: Callable[[], None], grade: Grade, detail: str
) -> None:
    spoil()
    try:
        result = found(name)
    finally:
        mend()

    assert result[0] == grade
    assert detail in result[1]


def test_doctor__invalid_index__is_named() -> None:
    as_owner("INSERT INTO tenants_taskrun (task, seconds) VALUES ('a', 1), ('b', 1)")
    with pytest.raises(Exception, match="could not create unique index"):
        as_owner("CREATE UNIQUE INDEX CONCURRENTLY left_over ON tenants_taskrun (seconds)")
    try:
        assert found("indexes") == (Grade.FAILURE, "invalid: left_over; drop them and run manage.py migrate")
    finally:
        as_owner("DROP INDEX left_over")


def test_doctor__clock_two_days_behind__is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 2 * 86400)

    grade, detail = found("clock")

    assert grade == Grade.FAILURE
    assert "behind the database" in detail


def test_doctor__keys_of_a_ring_that_was_not_emptied__are_found(merchant: Api) -> None:
    as_owner(
        "INSERT INTO events_storedkey (tenant_id, key)"
        " VALUES (%s, (key_ring(now() - interval '4 days') || repeat('0', 28))::uuid)",
        merchant.tenant_id,
    )

    grade, detail = found("key rings")

    assert detail.startswith("the oldest idempotency keys are at most ")
    assert float(detail.split("at most ")[1].split()[0]) >= 4
    assert grade in (Grade.OK, Grade.WARNING)


@pytest.mark.parametrize(
    ("keys", "detail"),
    [("", "none of ENCRYPTION_KEYS decrypts a body"), ("no key", "number 1 of ENCRYPTION_KEYS is no Fernet key")],
)
def test_doctor__keys_that_are_none_or_others__are_found(merchant: Api, settings: Any, keys: str, detail: str) -> None:
    body = {"user_id": "u1"}
    assert merchant.post("/api/customers", body, Idempotency_Key="k1").status_code == 201
    settings.ENCRYPTION_KEYS = [keys or Fernet.generate_key().decode()]

    grade, text = found("encryption")

    assert grade == Grade.FAILURE
    assert detail in text


def test_doctor__as_the_owner__is_not_bound_by_row_level_security(monkeypatch: pytest.MonkeyPatch) -> None:
    config = connections["default"].settings_dict
    monkeypatch.setitem(config, "USER", connections["owner"].settings_dict["USER"])
    monkeypatch.setitem(config, "PASSWORD", connections["owner"].settings_dict["PASSWORD"])

    grade, detail = found("role")

    assert grade == Grade.FAILURE
    assert "owns tables" in detail


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=REPOSITORY,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_command__all_well__prints_a_line_each_and_exits_with_0() -> None:
    result = run()

    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(lines) == 12
    assert all(line.startswith("ok ") for line in lines)


def test_command__one_check_fails__exits_with_1_and_json_names_it() -> None:
    _no_worker()

    result = run("--json")

    assert result.returncode == 1
    findings = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["name"] for each in findings if each["status"] == "fail"] == ["worker"]


@pytest.mark.parametrize("silent", [False, True])
def test_command__database_away_or_silent__says_so_and_exits_with_1(silent: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if silent else free_port()
        result = run(DATABASE_URL=f"postgres://app_rt@127.0.0.1:{port}/retivo")

    assert result.returncode == 1, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith("FAIL  database")


# --- A pooler -------------------------------------------------------------------------------------------------------


@needs_pgbouncer
@pytest.mark.parametrize(
    ("mode", "status"),
    [("session", "ok"), ("transaction", "warn")],
)
def test_command__behind_a_pooler__tells_whether_it_keeps_prepared_statements(mode: str, status: str) -> None:
    if mode == "transaction" and version() >= (1, 21):
        pytest.skip("this PgBouncer keeps them")
    with pgbouncer(pool_mode=mode) as url:
        result = run("--json", DATABASE_URL=url)

    (pooler,) = [each for each in map(json.loads, result.stdout.splitlines()) if each["name"] == "pooler"]
    assert pooler["status"] == status, result.stdout + result.stderr
    assert pooler["detail"].startswith("there is one")

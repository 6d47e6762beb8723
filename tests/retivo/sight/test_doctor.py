"""`manage.py doctor`: each check, made to fail by what it is there to find."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.db import connections

from retivo.database.roles import ROLES
from retivo.sight import doctor
from retivo.sight.doctor import Grade
from tests.conftest import REPOSITORY, Api, all_in_one, service_environment
from tests.owner import as_owner, owner_cursor
from tests.pooler import needs_pgbouncer, pgbouncer, version
from tests.ports import free_port
from tests.retivo.database.test_deadlines import superuser

TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def own_role(statement: str) -> None:
    """The runtime role may set its own defaults."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_database()")
        cursor.execute(f"ALTER ROLE app_worker IN DATABASE {cursor.fetchone()[0]} {statement}")


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
            "logins",
            "timeouts",
            "grants",
            "worker",
            "deletions",
            "encryption",
            "address",
        ],
        Grade.OK,
    ), findings
    (encryption,) = [each for each in findings if each.name == "encryption"]
    assert encryption.detail == "1 keys; 1 stored secrets were tried and decrypt"


def _pending() -> None:
    as_owner("UPDATE django_migrations SET name = 'x' WHERE app = 'tenants' AND name = '0010_workers'")


def _not_pending() -> None:
    as_owner("UPDATE django_migrations SET name = '0010_workers' WHERE app = 'tenants' AND name = 'x'")


def _month(ahead: int) -> str:
    """The name of a partition, in SQL."""
    first = f"date_trunc('month', now() AT TIME ZONE 'UTC') + interval '{ahead} months'"
    return f"'events_event_90_' || to_char({first}, 'YYYY_MM')"


def _lack_partition(ahead: int) -> None:
    as_owner(f"DO $$ BEGIN EXECUTE format('ALTER TABLE %I RENAME TO away', {_month(ahead)}); END $$")


def _give_partition_back(ahead: int) -> None:
    as_owner(f"DO $$ BEGIN EXECUTE format('ALTER TABLE away RENAME TO %I', {_month(ahead)}); END $$")


def _no_worker() -> None:
    as_owner("UPDATE tenants_workerprocess SET seen_at = now() - interval '2 minutes'")


def _never_a_worker() -> None:
    as_owner("DELETE FROM tenants_workerprocess")


def _failing_task() -> None:
    as_owner("INSERT INTO tenants_taskrun (task, failed_at, seconds) VALUES ('a.task', now(), 1)")


def _deletion(status: str, delete_at: str) -> None:
    as_owner(
        "INSERT INTO tenants_deletion"
        " (id, status, subject_id, subject_hash, requested_by, delete_at, reason, failure, tables, jws)"
        f" VALUES ('del_1', %s, gen_random_uuid(), '', 'staff', {delete_at}, '', '', '{{}}', '')",
        status,
    )


def _nothing() -> None:
    pass


def _no_table() -> None:
    as_owner("ALTER TABLE delivery_endpoint RENAME TO away")


def _table() -> None:
    as_owner("ALTER TABLE away RENAME TO delivery_endpoint")


def _no_row_security() -> None:
    as_owner("ALTER TABLE decisions_playbook DISABLE ROW LEVEL SECURITY")


def _row_security() -> None:
    as_owner("ALTER TABLE decisions_playbook ENABLE ROW LEVEL SECURITY")


def _no_grant() -> None:
    as_owner("REVOKE ALL ON delivery_endpoint FROM app_web, app_worker")


def _grant() -> None:
    as_owner("GRANT INSERT, UPDATE ON delivery_endpoint TO app_worker; GRANT SELECT ON delivery_endpoint TO app_web")
    as_owner("GRANT UPDATE (consecutive_failures, openings, open_until, disabled_at) ON delivery_endpoint TO app_web")


@pytest.mark.parametrize(
    ("name", "spoil", "mend", "grade", "detail"),
    [
        *(
            ("timeouts", partial(own_role, f"SET {name} = 0"), _nothing, Grade.FAILURE, f"no {name}")
            for name in TIMEOUTS
        ),
        ("schema", _pending, _not_pending, Grade.FAILURE, "tenants.0010_workers"),
        *(
            (
                "partitions",
                partial(_lack_partition, n),
                partial(_give_partition_back, n),
                grade,
                f"{n - 1} months ahead",
            )
            for n, grade in ((1, Grade.FAILURE), (3, Grade.WARNING))
        ),
        ("worker", _no_worker, _nothing, Grade.FAILURE, "none was seen for 12"),
        ("worker", _never_a_worker, _nothing, Grade.FAILURE, "none was seen for the last hour"),
        ("worker", _failing_task, _nothing, Grade.WARNING, "failed last: a.task"),
        ("deletions", partial(_deletion, "failed", "now()"), _nothing, Grade.FAILURE, "failed last, and tried again"),
        (
            "deletions",
            partial(_deletion, "running", "now() - interval '2 hours'"),
            _nothing,
            Grade.WARNING,
            "due for more than an hour: del_1",
        ),
        ("grants", _no_row_security, _row_security, Grade.FAILURE, "decisions_playbook has no row-level security"),
        ("grants", _no_table, _table, Grade.FAILURE, "delivery_endpoint is missing"),
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


@pytest.mark.parametrize(("days", "side"), [(-2, "behind the database"), (2, "ahead of the database")])
def test_doctor__clock_that_is_off__is_found(monkeypatch: pytest.MonkeyPatch, days: int, side: str) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + days * 86400)

    grade, detail = found("clock")

    assert grade == Grade.FAILURE
    assert side in detail


def test_doctor__server_that_is_too_old__is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MINIMUM_SERVER_VERSION", 990000)

    (finding,) = doctor.examine()  # and asks nothing else of it

    assert (finding.name, finding.grade) == ("database", Grade.FAILURE)


# A ring lasts two days, so its keys are up to two days older than the moment that it is taken of.
@pytest.mark.parametrize(("days", "grade"), [(2, Grade.OK), (4, Grade.WARNING), (6, Grade.FAILURE)])
def test_doctor__keys_of_a_ring_that_was_not_emptied__are_found(
    merchant: Api, monkeypatch: pytest.MonkeyPatch, days: int, grade: Grade
) -> None:
    monkeypatch.setattr(doctor, "_KEYS_WARN_SECONDS", 4 * 86400)  # or it depended on the day
    as_owner(
        "INSERT INTO events_storedkey (tenant_id, key)"
        " VALUES (%s, (key_ring(now() - make_interval(days => %s)) || repeat('0', 28))::uuid)",
        merchant.tenant_id,
        days,
    )

    found_grade, detail = found("key rings")

    assert detail.startswith("the oldest idempotency keys are at most ")
    assert days <= float(detail.split("at most ")[1].split()[0]) <= days + 2
    assert found_grade == grade


@pytest.mark.parametrize(
    ("keys", "detail"),
    [
        ([], "ENCRYPTION_KEYS has no key"),
        ([Fernet.generate_key().decode()], "none of ENCRYPTION_KEYS decrypts a body"),
        (["no key"], "number 1 of ENCRYPTION_KEYS is no Fernet key"),
        ([Fernet.generate_key().decode(), "no key"], "number 2 of ENCRYPTION_KEYS is no Fernet key"),
    ],
)
def test_doctor__keys_that_are_none_or_others__are_found(
    merchant: Api, settings: Any, keys: list[str], detail: str
) -> None:
    body = {"user_id": "u1"}
    assert merchant.post("/api/customers", body, Idempotency_Key="k1").status_code == 201
    settings.ENCRYPTION_KEYS = keys

    grade, text = found("encryption")

    assert grade == Grade.FAILURE
    assert detail in text


def test_doctor__without_a_public_url__is_warned_of(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    settings.PUBLIC_URL = ""

    assert found("address")[0] == Grade.WARNING


def test_doctor__public_url_that_nobody_set__is_told_as_such(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`manage.py run` tells its own processes another, which this one does not know."""
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    assert "PUBLIC_URL is not set" in found("address")[1]
    monkeypatch.setenv("PUBLIC_URL", settings.PUBLIC_URL)

    assert found("address") == (Grade.OK, "others reach the API at http://127.0.0.1:8000")


def test_doctor__as_the_owner__is_not_bound_by_row_level_security(monkeypatch: pytest.MonkeyPatch) -> None:
    config = connections["default"].settings_dict
    monkeypatch.setitem(config, "USER", connections["owner"].settings_dict["USER"])
    monkeypatch.setitem(config, "PASSWORD", connections["owner"].settings_dict["PASSWORD"])

    grade, detail = found("role")

    assert grade == Grade.FAILURE
    assert "owns tables" in detail


@pytest.mark.parametrize(
    ("attributes", "also", "fault"),
    [
        ("", "", ""),
        ("SUPERUSER", "", "is a superuser"),
        ("BYPASSRLS", "", "has BYPASSRLS"),
        ("", "CREATE TABLE owned (); ALTER TABLE owned OWNER TO {role}", "owns tables"),
        ("", "GRANT app_staff TO {role} WITH INHERIT TRUE", "inherits the rights of app_staff"),
    ],
)
def test_doctor__role_that_may_too_much__is_found(
    monkeypatch: pytest.MonkeyPatch, attributes: str, also: str, fault: str
) -> None:
    config = connections["default"].settings_dict
    role = f"doctor_{config['NAME']}"
    with psycopg.connect(superuser(), autocommit=True) as cluster:
        cluster.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'a' {attributes} IN ROLE app_worker")
        try:
            cluster.execute(also.format(role=role))
            monkeypatch.setitem(config, "USER", role)
            monkeypatch.setitem(config, "PASSWORD", "a")
            grade, detail = found("role")
        finally:
            cluster.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert grade == (Grade.FAILURE if fault else Grade.OK)
    assert detail.startswith(f"{role} {fault or 'is bound by row-level security'}")


def test_doctor__one_login_for_all__is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["web"], "USER", all_in_one()["USER"])

    grade, detail = found("logins")

    assert grade == Grade.WARNING
    assert "app_release, app_staff, app_worker" in detail


def test_doctor__role_that_is_missing__is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROLES", (*ROLES, "no_such_role"))

    assert found("role") == (Grade.FAILURE, "app_worker misses the roles no_such_role")


def test_doctor__table_that_is_locked__holds_up_its_own_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 1.0)
    with owner_cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE tenants_workerprocess IN ACCESS EXCLUSIVE MODE")
        try:
            findings = list(doctor.examine())
        finally:
            cursor.execute("ROLLBACK")

    assert [each.name for each in findings if each.grade != Grade.OK] == ["worker"]
    assert len(findings) == 15


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=REPOSITORY,
        env=service_environment(**variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_command__all_well__prints_a_line_each_and_exits_with_0() -> None:
    result = run()

    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(lines) == 15
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
    keeps_none = {"max_prepared_statements": "0"} if version() >= (1, 21) else {}  # those before keep none anyway
    with pgbouncer(pool_mode=mode, **keeps_none) as url:
        result = run("--json", DATABASE_URL=url)

    (pooler,) = [each for each in map(json.loads, result.stdout.splitlines()) if each["name"] == "pooler"]
    assert pooler["status"] == status, result.stdout + result.stderr
    assert pooler["detail"].startswith("there is one")

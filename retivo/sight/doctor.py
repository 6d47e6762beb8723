"""The checks of `manage.py doctor`: what is wrong with the database, the pooler, the workers or the keys.

Each is a function of a connection that answers with what it found. It has a connection and a deadline of its own, so
that one that hangs holds up no other.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from psycopg import sql

from events import figures as events
from integrations.management.commands.rotate_encryption import encrypted
from retivo import encryption
from retivo.database import checks, startup
from retivo.database.checks import MAX_CLOCK_SECONDS
from retivo.database.reading import PatientConnection, asked, connect
from retivo.database.roles import MINIMUM_SERVER_VERSION, ROLES, STAFF
from retivo.sight.probes import pending_migrations
from tenants.upkeep import workers

CHECK_SECONDS = 5.0

_MONTHS_AHEAD = 3  # that maintain_events makes
_KEYS_WARN_SECONDS = 5 * 86400
_SAMPLED = 50  # of the newest of each kind of secret


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warn"
    FAILURE = "FAIL"


@dataclass(frozen=True, kw_only=True)
class Finding:
    name: str
    grade: Grade
    detail: str


Found = tuple[Grade, str]


def examine() -> Iterator[Finding]:
    """All checks, one after another. Where there is no database, nothing else can be asked."""
    for name, check in _CHECKS.items():
        finding = _examine(name, check)
        yield finding
        if name == "database" and finding.grade == Grade.FAILURE:
            return


def _examine(name: str, check: Callable[[PatientConnection], Found]) -> Finding:
    try:
        with closing(connect(_LOGINS.get(name, "default"), seconds=CHECK_SECONDS)) as connection:
            grade, detail = asked(connection, check, seconds=CHECK_SECONDS)
    except (psycopg.Error, TimeoutError) as error:
        grade, detail = Grade.FAILURE, (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Finding(name=name, grade=grade, detail=detail)


def _database(connection: PatientConnection) -> Found:
    version = connection.info.server_version
    grade = Grade.OK if version >= MINIMUM_SERVER_VERSION else Grade.FAILURE
    return grade, f"PostgreSQL {version // 10000}.{version % 10000}; 16 or newer is needed"


def _clock(connection: PatientConnection) -> Found:
    before = time.time()
    (theirs,) = _row(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    ahead = (before + time.time()) / 2 - theirs
    grade = Grade.OK if abs(ahead) <= MAX_CLOCK_SECONDS else Grade.FAILURE
    side = "ahead of" if ahead > 0 else "behind"
    return grade, f"this host is {abs(ahead):.3f} s {side} the database; at most {MAX_CLOCK_SECONDS} s"


def _pooler(connection: PatientConnection) -> Found:
    """PgBouncer tells its version to its administrators alone, so what it does is tried."""
    if not startup.is_pooled(connection):
        return Grade.OK, "none: connections lead to the server itself"
    if not startup.loses_statements(partial(connect, seconds=CHECK_SECONDS / 2)):
        return Grade.OK, "there is one, which keeps prepared statements"
    return Grade.WARNING, (
        "there is one that loses prepared statements, so none are prepared, which costs throughput: take PgBouncer "
        "1.21 or newer with max_prepared_statements > 0, or its session mode"
    )


def _schema(connection: PatientConnection) -> Found:
    pending = pending_migrations(connection)
    if pending:
        return Grade.FAILURE, f"{len(pending)} migrations are pending ({_some(pending)}): run manage.py migrate"
    return Grade.OK, "no migration is pending"


def _indexes(connection: PatientConnection) -> Found:
    rows = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1 LIMIT 100"
    ).fetchall()
    if rows:
        return Grade.FAILURE, f"invalid: {_some([name for (name,) in rows])}; drop them and run manage.py migrate"
    return Grade.OK, "all are valid"


def _partitions(connection: PatientConnection) -> Found:
    ahead = events.months_ahead(connection)
    grade = Grade.OK if ahead >= _MONTHS_AHEAD else Grade.WARNING if ahead else Grade.FAILURE
    return grade, f"events' partitions are there for {ahead} months ahead, {_MONTHS_AHEAD} in order"


def _key_rings(connection: PatientConnection) -> Found:
    oldest = events.oldest_keys_seconds(connection)
    grade = Grade.OK if oldest < _KEYS_WARN_SECONDS else Grade.WARNING
    if oldest >= events.KEYS_TOO_OLD_SECONDS:
        grade = Grade.FAILURE
    most = events.KEYS_TOO_OLD_SECONDS / 86400
    return grade, f"the oldest idempotency keys are at most {oldest / 86400:.1f} days old; below {most:.0f} in order"


def _role(connection: PatientConnection) -> Found:
    user, is_superuser, bypasses, owns, missing, inherits = _row(connection, _ROLE, [list(ROLES), STAFF])
    faults = [
        *(["is a superuser"] if is_superuser else []),
        *(["has BYPASSRLS"] if bypasses else []),
        *(["owns tables"] if owns else []),
        *([f"inherits the rights of {STAFF}"] if inherits else []),
        *([f"misses the roles {_some(missing)}"] if missing else []),
    ]
    if faults:
        return Grade.FAILURE, f"{user} {', '.join(faults)}"
    return Grade.OK, f"{user} is bound by row-level security"


def _logins(connection: PatientConnection) -> Found:
    """Whether the web is kept from what workers, staff and releases do."""
    user, others = _row(connection, checks.ALSO, [list(checks.OTHERS)])
    if others:
        return Grade.WARNING, f"the web logs in as {user}, which may also act as {_some(others)}: docs/configuration.md"
    return Grade.OK, f"the web logs in as {user}, which may act as nobody else"


def _timeouts(connection: PatientConnection) -> Found:
    rows = connection.execute(_TIMEOUTS).fetchall()
    without = [name for name, milliseconds in rows if milliseconds == "0"]
    if without:
        return Grade.FAILURE, f"the runtime role has no {_some(without)}: run manage.py migrate"
    return Grade.OK, ", ".join(f"{name} {int(milliseconds) / 1000:g} s" for name, milliseconds in rows)


def _grants(connection: PatientConnection) -> Found:
    """Of our tables, without their partitions: each has row-level security, and the runtime role may use it."""
    rooms = {app.label for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR}
    ours = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in rooms}
    tables = sorted(ours - _OF_OTHERS)
    rows = connection.execute(_GRANTS, [tables]).fetchall()
    if rows:
        return Grade.FAILURE, _some([f"{table} {fault}" for table, fault in rows])
    return Grade.OK, f"{len(tables)} tables have row-level security and the runtime role's grants"


def _worker(connection: PatientConnection) -> Found:
    found = workers.alive(connection)
    if not found.count:
        silent = "the last hour" if found.silent_seconds is None else f"{found.silent_seconds:.0f} seconds"
        return Grade.FAILURE, f"none was seen for {silent}: nothing is sent"
    runs = workers.runs(connection)
    failing = sorted(
        name for name, run in runs.items() if run.failed_at is not None and run.failed_at > (run.succeeded_at or 0)
    )
    if failing:
        return Grade.WARNING, f"{found.count} seen within a minute; failed last: {_some(failing)}"
    return Grade.OK, f"{found.count} seen within a minute, no task failed last"


def _deletions(connection: PatientConnection) -> Found:
    """Whether tenants go when their time has come."""
    connection.execute(f"SET LOCAL ROLE {STAFF}")
    failed, late = _row(connection, _DELETIONS)
    if failed:
        return Grade.FAILURE, f"failed last, and tried again every ten minutes: {_some(failed)}"
    if late:
        return Grade.WARNING, f"due for more than an hour: {_some(late)}"
    return Grade.OK, "none failed, and none is late"


def _address(connection: PatientConnection) -> Found:
    if os.environ.get("PUBLIC_URL"):
        return Grade.OK, f"others reach the API at {settings.PUBLIC_URL}"
    if settings.PUBLIC_URL:
        # `manage.py run` tells its server and its worker another, if it has another port.
        return Grade.OK, f"PUBLIC_URL is not set; {settings.PUBLIC_URL} is taken for it where nothing else is said"
    return Grade.WARNING, "PUBLIC_URL is not known: receivers are sent no outcome_url"


def _encryption(connection: PatientConnection) -> Found:
    if not settings.ENCRYPTION_KEYS:
        return Grade.FAILURE, "ENCRYPTION_KEYS has no key"
    for number, key in enumerate(settings.ENCRYPTION_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            return Grade.FAILURE, f"number {number} of ENCRYPTION_KEYS is no Fernet key"
    connection.execute(f"SET LOCAL ROLE {STAFF}")
    sampled = 0
    for model, column in encrypted():
        table, key = model._meta.db_table, str(model._meta.pk.column)
        names = {"column": sql.Identifier(column), "table": sql.Identifier(table), "key": sql.Identifier(key)}
        newest = sql.SQL("SELECT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key} DESC LIMIT %s")
        for (token,) in connection.execute(newest.format(**names), [_SAMPLED]).fetchall():
            try:
                encryption.decrypt(bytes(token))
            except InvalidToken:
                return Grade.FAILURE, f"none of ENCRYPTION_KEYS decrypts a {column} of {table}"
            sampled += 1
    return Grade.OK, f"{len(settings.ENCRYPTION_KEYS)} keys; {sampled} stored secrets were tried and decrypt"


def _row(connection: PatientConnection, statement: str, parameters: list[object] | None = None) -> tuple[Any, ...]:
    (row,) = connection.execute(statement, parameters).fetchall()
    return tuple(row)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_CHECKS: dict[str, Callable[[PatientConnection], Found]] = {
    "database": _database,
    "clock": _clock,
    "pooler": _pooler,
    "schema": _schema,
    "indexes": _indexes,
    "partitions": _partitions,
    "key rings": _key_rings,
    "role": _role,
    "logins": _logins,
    "timeouts": _timeouts,
    "grants": _grants,
    "worker": _worker,
    "deletions": _deletions,
    "encryption": _encryption,
    "address": _address,
}

_OF_OTHERS = {"learning_noisysum", "tenants_audithead"}  # of releases and of staff

_LOGINS = {
    "logins": "web",
    "deletions": "staff",
    "encryption": "staff",
}  # where the check is not asked as the role that runs it

_ROLE = """
    SELECT r.rolname, r.rolsuper, r.rolbypassrls,
           EXISTS (
               SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
               AND pg_has_role(r.oid, c.relowner, 'USAGE')
           ),
           ARRAY(SELECT name FROM unnest(%s::text[]) AS name WHERE to_regrole(name) IS NULL),
           EXISTS (SELECT FROM pg_roles s WHERE s.rolname = %s AND pg_has_role(r.oid, s.oid, 'USAGE'))
      FROM pg_roles r WHERE r.rolname = current_user
"""

_DELETIONS = """
    SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE status = 'failed'), '{}'),
           coalesce(array_agg(id ORDER BY id) FILTER (WHERE delete_at < now() - interval '1 hour'), '{}')
      FROM tenants_deletion WHERE status IN ('scheduled', 'running', 'failed')
"""

# As the session began: this one has set its own.
_TIMEOUTS = """
    SELECT name, reset_val FROM pg_settings
     WHERE name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout') ORDER BY name
"""

_GRANTS = """
    SELECT name, CASE WHEN c.oid IS NULL THEN 'is missing' WHEN NOT c.relrowsecurity THEN 'has no row-level security'
                      ELSE 'is closed to the runtime role' END
      FROM unnest(%s::text[]) AS name LEFT JOIN pg_class c ON c.oid = to_regclass('public.' || quote_ident(name))
     WHERE c.oid IS NULL OR NOT c.relrowsecurity
        OR NOT (has_any_column_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'INSERT'))
     ORDER BY name
"""

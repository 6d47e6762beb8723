"""What must hold of the database before a process serves from it. `retivo.wsgi`, `worker` and `migrate` run these."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from retivo import processes
from retivo.database import startup
from retivo.database.roles import MINIMUM_SERVER_VERSION, RELEASE, STAFF, WEB, WORKER

MAX_CLOCK_SECONDS = 30


def exit_unless_fit() -> None:
    """Wait for the database, then exit where system checks fail, with a line for each."""
    try:
        connections["default"].ensure_connection()
    except OperationalError as error:
        sys.exit(f"retivo: The database does not answer: {startup.reason(error)}")
    found = run_checks(databases=["default"])
    if serious := [message for message in found if message.is_serious() and not message.is_silenced()]:
        sys.exit("\n".join(f"retivo: {' '.join(str(message).split()).removeprefix('?: ')}" for message in serious))


@register(Tags.database)
def runtime_role_is_bound_by_row_level_security(databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """The role of `default` is no superuser, has no BYPASSRLS, owns no table, and is staff only after SET ROLE."""
    if not databases or "default" not in databases:
        return []
    connection = connections["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_PROPERTIES, [STAFF])
            user, version, *faults = cursor.fetchone()
    except DatabaseError as error:
        return [Error(f"The database cannot be reached: {startup.reason(error)}", id="retivo.E001")]
    if version < MINIMUM_SERVER_VERSION:
        return [Error(f"PostgreSQL 16 or newer is needed, not {version // 10000}.", id="retivo.E002")]
    return [
        Error(
            f"The role {user} {fault}: row-level security would not bind it.",
            hint="DATABASE_URL must name a role that `manage.py migrate` made, not the owner.",
            id="retivo.E003",
        )
        for fault, present in zip(_FAULTS, faults, strict=True)
        if present
    ]


@register(Tags.database)
def logins_have_their_roles(databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """Each login of this process has the rights that it needs, and the web's has none of the others'."""
    if not databases or "default" not in databases:
        return []
    found: list[CheckMessage] = []
    try:
        for alias, role, how in _needed():
            with _opened(alias) as connection, connection.cursor() as cursor:
                cursor.execute(_MAY, [role, how])
                user, may = cursor.fetchone()
                others = [] if alias != "default" or processes.is_background() else _others(cursor)
            url = "DATABASE_URL" if role == WEB else f"DATABASE_{role.removeprefix('app_').upper()}_URL"
            if not may:
                found.append(
                    Error(
                        f"The role {user} has not the rights of {role}.",
                        hint=f"{url} must name {role}, or a login that `manage.py migrate` made a member of it.",
                        id="retivo.E006",
                    )
                )
            if others:
                found.append(
                    Warning(
                        f"The web logs in as {user}, which may also act as {', '.join(others)}.",
                        hint="Give web, workers, staff and releases logins of their own: docs/configuration.md.",
                        id="retivo.W001",
                    )
                )
    except DatabaseError:
        return []  # the check above says so
    return found


@register(Tags.database)
def logins_make_no_temporary_tables(databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """`migrate` takes that right away, but only as the database's owner; see `retivo.database.roles`."""
    if not databases or "default" not in databases:
        return []
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_MAY_MAKE_TEMPORARY)
            user, database, may = cursor.fetchone()
    except DatabaseError:
        return []  # the first check says so
    if not may:
        return []
    return [
        Warning(
            f"The role {user} may make temporary tables, which hide those of the same name from later requests.",
            hint=f'As the owner of the database: REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC.',
            id="retivo.W002",
        )
    ]


def _needed() -> list[tuple[str, str, str]]:
    """The connections of this process, the role whose rights each needs, and whether it has or may take them."""
    own = WORKER if processes.is_background() else WEB
    more = [("release", RELEASE, "MEMBER")] if processes.is_background() else []
    return [("default", own, "USAGE"), ("staff", STAFF, "MEMBER"), *more]


@contextmanager
def _opened(alias: str) -> Iterator[BaseDatabaseWrapper]:
    if alias == "default":
        yield connections["default"]
        return
    with closing(connections.create_connection(alias)) as connection:
        yield connection


def _others(cursor: Any) -> list[str]:
    cursor.execute(ALSO, [list(OTHERS)])
    (_, found) = cursor.fetchone()
    return list(found)


@register(Tags.database)
def clocks_agree(databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """This host's clock shows the database's time: webhooks are signed, and rate limits counted, by this one."""
    if not databases or "default" not in databases:
        return []
    try:
        with connections["default"].cursor() as cursor:
            before = time.time()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            ahead = (before + time.time()) / 2 - cursor.fetchone()[0]
    except DatabaseError:
        return []  # the check above says so
    if abs(ahead) <= MAX_CLOCK_SECONDS:
        return []
    return [
        Error(
            f"This host's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's.",
            hint=f"They may differ by {MAX_CLOCK_SECONDS} s: synchronise both, by NTP for example.",
            id="retivo.E004",
        )
    ]


_MAY = "SELECT current_user, pg_has_role(%s, %s)"

OTHERS = (RELEASE, STAFF, WORKER)
# As whom a session may act, and which of these roles beside.
ALSO = "SELECT current_user, ARRAY(SELECT name FROM unnest(%s::text[]) AS name WHERE pg_has_role(name, 'MEMBER'))"

_MAY_MAKE_TEMPORARY = """
    SELECT current_user, current_database(), has_database_privilege(current_database(), 'TEMPORARY')
"""

_FAULTS = ("is a superuser", "has BYPASSRLS", "owns tables", "inherits the rights of app_staff")

_PROPERTIES = """
    SELECT r.rolname, current_setting('server_version_num')::int, r.rolsuper, r.rolbypassrls,
           EXISTS (
               SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
               AND pg_has_role(r.oid, c.relowner, 'USAGE')
           ),
           EXISTS (SELECT FROM pg_roles s WHERE s.rolname = %s AND pg_has_role(r.oid, s.oid, 'USAGE'))
    FROM pg_roles r WHERE r.rolname = current_user
"""

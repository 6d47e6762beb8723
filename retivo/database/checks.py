"""What must hold of the database before a process serves from it. `retivo.wsgi`, `worker` and `migrate` run these."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.db import DatabaseError, OperationalError, connections

from retivo.database import startup
from retivo.database.roles import MINIMUM_SERVER_VERSION, STAFF

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
    """The runtime role is no superuser, has no BYPASSRLS, owns no table, and is staff only after SET ROLE."""
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
            f"The runtime role {user} {fault}: row-level security would not bind it.",
            hint="DATABASE_URL must name a role that `manage.py migrate` made, not the owner.",
            id="retivo.E003",
        )
        for fault, present in zip(_FAULTS, faults, strict=True)
        if present
    ]


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

"""The cluster's roles. They belong to the cluster and not to a database, so a command makes them, not a migration.

| role        | logs in | what it is                                                                                  |
|-------------|---------|---------------------------------------------------------------------------------------------|
| `app_owner` | yes     | owns tables and migrates (any role: the user of `DATABASE_OWNER_URL`)                       |
| `app_rt`    | yes     | the web and the workers: no owner, no superuser, no BYPASSRLS (the user of `DATABASE_URL`)  |
| `app_auth`  | no      | owns the key look-up, the one function that reads across tenants before a context is set    |
| `app_staff` | no      | what staff pages `SET LOCAL ROLE` to; granted to `app_rt` without inheritance               |
"""

from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from retivo.database import deadlines

RUNTIME = "app_rt"
AUTH = "app_auth"
STAFF = "app_staff"

MINIMUM_SERVER_VERSION = 160000


class RolesError(Exception):
    """The roles are missing and cannot be made with the rights at hand."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A role that logs in. `password` is None where the server trusts its socket."""

    name: str
    password: str | None = None


def bootstrap(connection: psycopg.Connection[tuple[object, ...]], *, owner: Login, runtime: Login) -> None:
    """Make the four roles, their memberships and the web's deadlines where missing. Safe to repeat, and in parallel.

    `connection` belongs to a superuser or a role with CREATEROLE, in any database of the cluster. A connection with
    neither is enough once the roles stand.

    Raises:
        RolesError: a role or a membership is missing and this connection may not make it.
    """
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        raise RolesError(f"PostgreSQL 16 or newer is needed; this server is {connection.info.server_version // 10000}.")
    try:
        with connection.transaction():
            # Two first starts may race: roles have no IF NOT EXISTS.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('retivo.database.roles'))")
            for login in (owner, runtime):
                _create_role(connection, login.name, login=login)
            for name in (RUNTIME, AUTH, STAFF):
                _create_role(connection, name)
            # Rights reach the runtime login through app_rt where it goes by another name.
            if runtime.name != RUNTIME:
                _grant(connection, RUNTIME, to=runtime.name, options="INHERIT TRUE, SET TRUE")
            _grant(connection, STAFF, to=RUNTIME, options="INHERIT FALSE, SET TRUE")
            # The owner hands the look-up function over to app_auth.
            _grant(connection, AUTH, to=owner.name, options="INHERIT FALSE, SET TRUE")
            with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                _set_deadlines(connection, runtime.name)  # else `set_own_deadlines` does
    except psycopg.errors.InsufficientPrivilege as error:
        raise RolesError(
            f"{connection.info.user} may not make the roles ({error.diag.message_primary}). "
            "Run `manage.py bootstrap_roles --url` with a superuser's URL once."
        ) from error


def prepare_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """In the application's database, as its owner: what future tables grant, before the first of them is made.

    The runtime role gets nothing by default: a migration grants it each tenant table together with its policy. Staff
    reach all tables, Django's own (users, sessions) included, which the API therefore cannot read.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('retivo.database.roles'))")
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {rt}, {auth}, {staff}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {staff}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {staff}",
        ):
            connection.execute(
                sql.SQL(statement).format(
                    rt=sql.Identifier(RUNTIME), auth=sql.Identifier(AUTH), staff=sql.Identifier(STAFF)
                )
            )


def set_own_deadlines(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Give the role of `connection` the web's deadlines where it has none: every role may do that for itself.

    So a cluster whose roles were made before there were deadlines gets them from `migrate`, without a superuser.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('retivo.database.roles'))")
        _set_deadlines(connection, connection.info.user)


def _set_deadlines(connection: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    """Deadlines that somebody set for this role, in this database or in all, stay as they are."""
    rows = connection.execute(
        "SELECT split_part(setting, '=', 1) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting"
        " WHERE s.setrole = to_regrole(quote_ident(%s))"
        " AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))",
        [role],
    ).fetchall()
    there = {name for (name,) in rows}
    for name, value in deadlines.WEB.settings.items():
        if name not in there:
            connection.execute(
                sql.SQL("ALTER ROLE {role} SET {name} = {value}").format(
                    role=sql.Identifier(role), name=sql.Identifier(name), value=sql.Literal(value)
                )
            )


def _create_role(connection: psycopg.Connection[tuple[object, ...]], name: str, *, login: Login | None = None) -> None:
    row = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    if row is None:
        connection.execute(sql.SQL("CREATE ROLE {name} NOLOGIN").format(name=sql.Identifier(name)))
    if login is not None and not (row and row[0]):
        connection.execute(
            sql.SQL("ALTER ROLE {name} LOGIN PASSWORD {password}").format(
                name=sql.Identifier(name), password=sql.Literal(login.password)
            )
        )


def _grant(connection: psycopg.Connection[tuple[object, ...]], role: str, *, to: str, options: str) -> None:
    stands = connection.execute(
        "SELECT 1 FROM pg_auth_members m"
        " WHERE m.roleid = to_regrole(quote_ident(%s)) AND m.member = to_regrole(quote_ident(%s)) AND m.set_option",
        [role, to],
    ).fetchone()
    if not stands:
        connection.execute(
            sql.SQL("GRANT {role} TO {to} WITH " + options).format(role=sql.Identifier(role), to=sql.Identifier(to))
        )

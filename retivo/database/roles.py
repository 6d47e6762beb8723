"""The cluster's roles. They belong to the cluster and not to a database, so a command makes them, not a migration.

| role          | logs in | what it is                                                                                |
|---------------|---------|-------------------------------------------------------------------------------------------|
| `app_owner`   | yes     | owns tables and migrates (any role: the user of `DATABASE_OWNER_URL`)                     |
| `app_web`     | yes     | the API: rows of the tenant whose key was sent                                            |
| `app_worker`  | yes     | workers and their commands: what `app_web` may, for any tenant, and the work over tenants |
| `app_staff`   | yes     | staff pages and commands: all tenants, and staff's accounts                               |
| `app_release` | yes     | releases what tenants learned, with noise, and does nothing else                          |
| `app_upkeep`  | no      | finds the tenants that have work: a worker becomes it by SET ROLE                         |
| `app_auth`    | no      | owns the functions that look up keys and that seal and read the tenant context            |
| `app_rt`      | yes     | all of the above but the owner, for the release before and for installations with one URL |

A login of another name than its role's is made a member of it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from retivo.database import deadlines

WEB = "app_web"
WORKER = "app_worker"
STAFF = "app_staff"
RELEASE = "app_release"
UPKEEP = "app_upkeep"
AUTH = "app_auth"
ALL_IN_ONE = "app_rt"

LOGINS = {"web": WEB, "worker": WORKER, "staff": STAFF, "release": RELEASE}  # by the connection's alias
ROLES = (WEB, WORKER, STAFF, RELEASE, UPKEEP, AUTH, ALL_IN_ONE)

_INHERITS = "INHERIT TRUE, SET TRUE"
_BECOMES = "INHERIT FALSE, SET TRUE"
# Which role is a member of which, and how.
_MEMBERSHIPS = (
    (WORKER, WEB, _INHERITS),
    (WORKER, UPKEEP, _BECOMES),
    (ALL_IN_ONE, WORKER, _INHERITS),
    (ALL_IN_ONE, STAFF, _BECOMES),
    (ALL_IN_ONE, RELEASE, _BECOMES),
)

MINIMUM_SERVER_VERSION = 160000

_SQL = Path(__file__).resolve().parent.parent / "sql"
OF_ALL_POLICIES = ("retivo_seal", "context_seal", "current_tenant")


class RolesError(Exception):
    """The roles are missing and cannot be made with the rights at hand."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A role that logs in. `password` is None where the server trusts its socket."""

    name: str
    password: str | None = None


def bootstrap(connection: psycopg.Connection[tuple[object, ...]], *, owner: Login, logins: Mapping[str, Login]) -> None:
    """Make the roles, their memberships and the web's deadlines where missing. Safe to repeat, and in parallel.

    `connection` belongs to a superuser or a role with CREATEROLE, in any database of the cluster. A connection with
    neither is enough once the roles stand.

    Args:
        logins: by the role whose rights each has.

    Raises:
        RolesError: a role or a membership is missing and this connection may not make it.
    """
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        raise RolesError(f"PostgreSQL 16 or newer is needed; this server is {connection.info.server_version // 10000}.")
    try:
        with connection.transaction():
            # Two first starts may race: roles have no IF NOT EXISTS.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('retivo.database.roles'))")
            for login in (owner, *logins.values()):
                _create_role(connection, login.name, login=login)
            for name in ROLES:
                _create_role(connection, name)
            for role, of, options in _MEMBERSHIPS:
                _grant(connection, of, to=role, options=options)
            for role, login in logins.items():
                if login.name != role:
                    _grant(connection, role, to=login.name, options=_INHERITS)
                with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    _set_deadlines(connection, login.name)  # else `set_own_deadlines` does
            # The owner hands functions over to app_auth.
            _grant(connection, AUTH, to=owner.name, options=_BECOMES)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RolesError(
            f"{connection.info.user} may not make the roles ({error.diag.message_primary}). "
            "Run `manage.py bootstrap_roles --url` with a superuser's URL once."
        ) from error


def prepare_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """In the application's database, as its owner: what is there before the first table is made. Safe to repeat.

    The roles get nothing by default: a migration grants them each tenant table together with its policy. Staff reach
    all tables, Django's own (users, sessions) included, which the API therefore cannot read. The files of SQL in
    `retivo/sql` define what all policies call.

    Nobody but the database's owner makes temporary tables: one named as a table of ours goes before it in every later
    request of the same connection, whichever tenant's that is.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('retivo.database.roles'))")
        connection.execute(
            sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(connection.info.dbname))
        )
        connection.execute(
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.SQL(", ").join(map(sql.Identifier, ROLES)))
        )
        for rights in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
            connection.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} TO {}").format(
                    sql.SQL(rights), sql.Identifier(STAFF)
                )
            )
        for name in OF_ALL_POLICIES:
            connection.execute((_SQL / f"{name}.sql").read_text(encoding="utf-8").encode(), prepare=False)


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

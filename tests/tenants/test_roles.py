"""What each login may do: the documented rights are the catalogue's, and SQL run by the API's login goes no further."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from psycopg import errors

from retivo import processes
from retivo.database import checks, roles
from tenants.access import keys
from tenants.context import release_context, staff_context, tenant_context
from tests.conftest import REPOSITORY, Api, all_in_one, all_in_one_url, database_url
from tests.owner import as_owner
from tests.tenants.scene import two_partners
from tests.tenants.test_isolation import TENANT_COLUMNS

__all__ = ["two_partners"]

# --- The table of rights --------------------------------------------------------------------------------------------

DOCUMENTED = (roles.WEB, roles.WORKER, roles.STAFF, roles.RELEASE, roles.UPKEEP, roles.AUTH, roles.ALL_IN_ONE)
# Rights on tables of libraries are Django's, axes' and procrastinate's own affair, but for those that are not staff's.
RIGHTS = """
    WITH acl AS (
        SELECT c.relname AS name, a.grantee, a.privilege_type, false AS of_columns
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        UNION
        SELECT c.relname, a.grantee, a.privilege_type, true
        FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
        WHERE c.relnamespace = 'public'::regnamespace
    )
    SELECT name, grantee::regrole::text, privilege_type, of_columns FROM acl
    WHERE NOT (name ~ '^(auth|axes|django|otp)_' AND grantee::regrole::text = 'app_staff') ORDER BY 1, 2
"""
FUNCTIONS = """
    SELECT p.proname, a.grantee::regrole::text FROM pg_proc p, aclexplode(p.proacl) a
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname !~ '^procrastinate_' AND a.grantee <> 0
      AND a.grantee::regrole::text = ANY(%s) AND a.grantee <> p.proowner
    ORDER BY 1, 2
"""
ORDER = ("SELECT", "INSERT", "UPDATE", "DELETE")


def table_of_rights() -> list[str]:
    """The rows of docs/architecture.md, as the catalogue has them."""
    rights: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, role, privilege, of_columns in as_owner(RIGHTS):
        if role in DOCUMENTED and not (of_columns and privilege in rights[name][role]):
            rights[name][role].add(f"{privilege}*" if of_columns else privilege)
    rows = []
    for name in sorted(rights):
        cells = []
        for role in DOCUMENTED:
            held = rights[name][role]
            cells.append(" ".join(p[0] + "*" * (p not in held) for p in ORDER if p in held or f"{p}*" in held))
        rows.append(f"| `{name}` | {' | '.join(cells)} |".replace("  ", " "))
    executes: dict[str, list[str]] = defaultdict(list)
    for name, role in as_owner(FUNCTIONS, list(DOCUMENTED)):
        executes[name].append(f"`{role}`")
    return rows + [f"| `{name}()` | {', '.join(who)} |" for name, who in sorted(executes.items())]


def test_table_of_rights__in_the_docs__is_the_catalogues() -> None:
    _, _, section = (REPOSITORY / "docs" / "architecture.md").read_text().partition("## Rights of the roles")
    documented = re.findall(r"^\| `[a-z_]+(?:\(\))?` \|.*\|$", section, re.MULTILINE)

    expected = table_of_rights()

    assert documented == expected, "\n".join(expected)


def test_memberships__of_the_roles__are_those_documented() -> None:
    found = as_owner(
        "SELECT m.member::regrole::text, m.roleid::regrole::text, m.inherit_option FROM pg_auth_members m"
        " WHERE m.member::regrole::text = ANY(%s) AND m.set_option ORDER BY 1, 2",
        list(roles.ROLES),
    )

    assert found == [
        ("app_rt", "app_release", False),
        ("app_rt", "app_staff", False),
        ("app_rt", "app_worker", True),
        ("app_worker", "app_upkeep", False),
        ("app_worker", "app_web", True),
    ]


# --- SQL run by the API's login -------------------------------------------------------------------------------------


@contextmanager
def web() -> Iterator[psycopg.Connection[Any]]:
    """A session of the API's login, in a transaction."""
    if connections.settings["web"]["USER"] != roles.WEB:
        pytest.skip("one URL for all logins")
    with psycopg.connect(database_url("web")) as connection:
        yield connection


def authenticate(connection: psycopg.Connection[Any], api: Api) -> None:
    row = connection.execute("SELECT verdict FROM authenticate_api_key(%s)", [keys.digest(api.key)]).fetchone()
    assert row == ("ok",)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SET ROLE {role}" for role in roles.ROLES if role != roles.WEB),
        "SET ROLE app_owner",
        "SET SESSION AUTHORIZATION app_worker",
        "SELECT * FROM claim_actions(1, 1, 1, 1, 1, 1)",
        "SELECT expire_actions()",
        "SELECT drop_event_partition()",
        "SELECT make_event_partition()",
        "SELECT empty_key_ring()",
        "SELECT * FROM tenants_with_waiting_examples()",
        "SELECT contribute(1, gen_random_uuid(), 15)",
        "SELECT * FROM learning_noisysum",
        "INSERT INTO learning_release (epsilon, delta, rho, deviation, budget) VALUES (1, 1e-6, 1, 2, 1)",
        "INSERT INTO learning_pattern (block) VALUES ('shared')",
        "INSERT INTO learning_receipt (rho) VALUES (1)",
        "UPDATE learning_modelstate SET version = 1",
        "SELECT digest FROM tenants_apikey",
        "SELECT * FROM tenants_apikey",
        "SELECT secret FROM retivo_seal",
        "SELECT context_seal(gen_random_uuid())",
        "SELECT actor FROM tenants_auditentry",
        "UPDATE tenants_auditcheckpoint SET seq = 1",
        "SELECT count(*) FROM procrastinate_jobs",
        "INSERT INTO tenants_workerprocess (id, host) VALUES (gen_random_uuid(), 'me')",
        "UPDATE delivery_endpoint SET url = 'https://evil.example'",
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE events_event (tenant_id uuid)",
        "CREATE TEMPORARY VIEW tenants_tenant AS SELECT 1",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_api_login__with_a_tenants_context__may_not(statement: str, merchant: Api) -> None:
    with web() as connection:
        authenticate(connection, merchant)
        with pytest.raises(errors.InsufficientPrivilege, match=r"permission denied|must be"):
            connection.execute(statement)


@pytest.mark.parametrize("actor", ["staff:admin", "command:delete_tenant", "anonymous", "", "api-key:1", "Xapi_key:1"])
@pytest.mark.parametrize("login", ["web", "worker"])
def test_audit_entry__in_a_tenants_context__names_no_one_but_a_key(login: str, actor: str, merchant: Api) -> None:
    entry = "INSERT INTO tenants_auditentry (actor, action, tenant_id, detail) VALUES (%s, 'suspended', %s, '{}')"
    with psycopg.connect(database_url(login)) as connection:
        if connection.info.user not in (roles.WEB, roles.WORKER):
            pytest.skip("one URL for all logins")
        authenticate(connection, merchant)
        connection.execute(entry, [f"api_key:{merchant.tenant_id}", merchant.tenant_id])
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(entry, [actor, merchant.tenant_id])


def test_api_login__that_sets_the_context_itself__is_refused(merchant: Api, rival: Api) -> None:
    with web() as connection:
        authenticate(connection, merchant)
        (sealed,) = one(connection, "SELECT current_setting('retivo.tenant_id')")
    foreign = str(rival.tenant_id)
    for forged in (foreign, foreign + sealed[36:], foreign + "0" * 64, foreign + " ", sealed, sealed[:-1], "x" * 100):
        with web() as connection:
            connection.execute("SELECT set_config('retivo.tenant_id', %s, true)", [forged])
            with pytest.raises((errors.InsufficientPrivilege, errors.InvalidTextRepresentation)):
                connection.execute("SELECT count(*) FROM tenants_tenant")


def test_seal__within_its_transaction__is_the_tenants_alone(merchant: Api, rival: Api) -> None:
    with web() as connection:
        authenticate(connection, merchant)
        (sealed,) = one(connection, "SELECT current_setting('retivo.tenant_id')")
        connection.execute("SELECT set_config('retivo.tenant_id', %s, true)", [f"{rival.tenant_id}{sealed[36:]}"])
        with pytest.raises(errors.InsufficientPrivilege, match="only authenticate_api_key sets the tenant context"):
            connection.execute("SELECT count(*) FROM events_event")


def one(connection: psycopg.Connection[Any], sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return tuple(row)


# --- No foreign row, whoever logs in --------------------------------------------------------------------------------


def test_rows__of_every_table__are_the_contexts_own_for_each_login(two_partners: tuple[Api, Api]) -> None:
    """With every filter cut: all that a SELECT without a condition shows."""
    acme, rival = two_partners
    with staff_context():
        foreign = tenants_of(rival)
    seen: dict[str, set[UUID]] = defaultdict(set)
    for url in (database_url("web"), database_url("worker"), all_in_one_url()):
        for table, column in TENANT_COLUMNS.items():
            with psycopg.connect(url) as connection:
                authenticate(connection, acme)
                try:
                    rows = connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
                except errors.InsufficientPrivilege:
                    continue
                seen[url] |= {tenant for (tenant,) in rows}
    assert all(tenants for tenants in seen.values())
    assert [url for url, tenants in seen.items() if tenants & foreign] == []


def test_rows__without_a_context__are_none_for_web_worker_and_release(two_partners: tuple[Api, Api]) -> None:
    for url in (database_url("web"), database_url("worker"), database_url("release")):
        for table, column in TENANT_COLUMNS.items():
            if (url, table) in {(database_url("release"), "learning_pattern")}:
                continue  # what is shared already
            with psycopg.connect(url) as connection:
                try:
                    rows = connection.execute(f"SELECT {column} FROM {table}").fetchall()
                except errors.InsufficientPrivilege:
                    continue
                allowed = url == database_url("release") and table.startswith("integrations_")
                assert allowed or {tenant for (tenant,) in rows} <= {None}, (url, table)


def tenants_of(partner: Api) -> set[UUID]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant WHERE %s IN (id, parent_id)", [partner.tenant_id])
        return {tenant for (tenant,) in cursor.fetchall()}


# --- Each process has the login it needs ----------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["web", "worker"])
def test_check__each_login_as_it_should_be__is_content(login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_as(roles.LOGINS[login], monkeypatch)
    monkeypatch.setattr(processes, "_is_background", login == "worker")

    assert checks.logins_have_their_roles(["default"]) == []


def log_in_as(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections["default"].close()
    monkeypatch.setitem(connections.settings["default"], "USER", user)


def test_check__one_login_for_all__works_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    connections["default"].close()
    user = all_in_one()["USER"]
    for config in connections.settings.values():
        if config["USER"] in roles.LOGINS.values():
            monkeypatch.setitem(config, "USER", user)

    (warning,) = checks.logins_have_their_roles(["default"])

    assert warning.id == "retivo.W001"
    assert warning.msg == f"The web logs in as {user}, which may also act as app_release, app_staff, app_worker."
    with staff_context(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("app_staff",)
    connections["default"].close()


def test_check__a_login_that_may_make_temporary_tables__is_warned_of() -> None:
    assert checks.logins_make_no_temporary_tables(["default"]) == []
    (database,) = as_owner("SELECT current_database()")[0]
    as_owner(f"GRANT TEMPORARY ON DATABASE {database} TO app_web")
    try:
        (warning,) = checks.logins_make_no_temporary_tables(["default"])
    finally:
        as_owner(f"REVOKE TEMPORARY ON DATABASE {database} FROM app_web")

    assert warning.id == "retivo.W002"
    assert f'REVOKE TEMPORARY ON DATABASE "{database}"' in str(warning.hint)


def test_check__a_login_without_its_rights__is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_as(roles.WEB, monkeypatch)
    monkeypatch.setitem(connections.settings["staff"], "USER", "app_web")

    (error,) = checks.logins_have_their_roles(["default"])

    assert error.msg == "The role app_web has not the rights of app_staff."
    assert error.hint is not None
    assert error.hint.startswith("DATABASE_STAFF_URL must name app_staff")


@pytest.mark.parametrize(("context", "role"), [(staff_context, "app_staff"), (release_context, "app_release")])
def test_context__of_another_login__ends_with_its_block(context: Any, role: str, acme: Api) -> None:
    with context(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        assert cursor.fetchone() == (role, role)
    with tenant_context(acme.tenant_id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT session_user")
        assert cursor.fetchone() == ("app_worker",)

"""The files in `<room>/sql` hold the SQL in force: the catalogue says the same, and one migration applies each."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL

from retivo.database import guards
from retivo.database.roles import OF_ALL_POLICIES, ROLES
from retivo.database.sql import AppliedAnew, InForce, digest_of

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = sorted(CHECKOUT.glob("*/sql/*.sql"))
ROOMS = ["retivo", "tenants", "integrations", "events", "learning", "delivery", "decisions", "partners"]  # upwards
NAMES = [str(file.relative_to(CHECKOUT)) for file in FILES]

FUNCTION = re.compile(r"^CREATE OR REPLACE FUNCTION (\w+)\(", re.MULTILINE)
TRIGGER = re.compile(
    r"^CREATE (?:OR REPLACE|CONSTRAINT) TRIGGER (\w+) [^;]*?\bON (\w+)\b[^;]*\bEXECUTE FUNCTION (\w+)\(", re.MULTILINE
)
POLICY = re.compile(r"^CREATE POLICY (\w+) ON (\w+)\b", re.MULTILINE)
TABLE = re.compile(r"^ALTER TABLE (\w+) ENABLE ROW LEVEL SECURITY;$", re.MULTILINE)
GRANT = re.compile(r"^(?:GRANT|REVOKE) [^;]*?\bON (?:FUNCTION )?(\w+)\s", re.MULTILINE)

# Tables and functions of ours alone. Partitions are closed to the runtime role, which test_isolation checks.
_OURS = "'public'::regnamespace AND {name} !~ '^(auth|axes|django|otp|procrastinate)_'"
_TABLES = f"c.relnamespace = {_OURS.format(name='c.relname')} AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
_SORTED = "(SELECT array_agg(entry::text ORDER BY entry::text) FROM unnest({acl}) entry)::text"
CATALOGUE = f"""
    SELECT 'function ' || p.proname, pg_get_functiondef(p.oid), p.proowner::regrole::text,
        {_SORTED.format(acl="p.proacl")}
    FROM pg_proc p WHERE p.pronamespace = {_OURS.format(name="p.proname")}
    UNION ALL
    SELECT 'trigger ' || t.tgname || ' ON ' || c.relname, pg_get_triggerdef(t.oid), t.tgenabled::text, NULL
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    -- Without those that `migrate` makes.
    WHERE {_TABLES} AND NOT t.tgisinternal AND t.tgname NOT IN ('{guards.OF_ROWS}', '{guards.OF_STATEMENTS}')
    UNION ALL
    SELECT 'policy ' || p.policyname || ' ON ' || p.tablename, concat_ws(' ', p.permissive, p.cmd, p.roles),
        p.qual, p.with_check
    FROM pg_policies p WHERE p.schemaname = 'public'
    UNION ALL
    SELECT 'table ' || c.relname, c.relrowsecurity::text, c.relforcerowsecurity::text, {_SORTED.format(acl="c.relacl")}
    FROM pg_class c WHERE {_TABLES}
    UNION ALL
    SELECT 'column ' || c.relname || '.' || a.attname, {_SORTED.format(acl="a.attacl")}, NULL, NULL
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE {_TABLES} AND a.attacl IS NOT NULL
    UNION ALL
    SELECT 'schema', array_agg(entry::text ORDER BY entry::text)::text, NULL, NULL
    FROM pg_namespace n, unnest(n.nspacl) entry WHERE n.nspname = 'public'
    ORDER BY 1, 2
"""

# What a file, and nothing else, sets up. Staff's rights are back at what `prepare_database` grants on every table.
TAKE_ALL_AWAY = f"""
    DO $$
    DECLARE
        name text;
    BEGIN
        FOR name IN
            SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = {_OURS.format(name="p.proname")}
        LOOP
            EXECUTE format('DROP FUNCTION %s CASCADE', name);
        END LOOP;
        FOR name IN SELECT format('%I ON %I', policyname, tablename) FROM pg_policies LOOP
            EXECUTE format('DROP POLICY %s', name);
        END LOOP;
        FOR name IN SELECT c.relname FROM pg_class c WHERE {_TABLES} LOOP
            EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', name);
            EXECUTE format('REVOKE ALL ON %I FROM {", ".join(ROLES)}', name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO app_staff', name);
        END LOOP;
    END
    $$
"""


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic(using="owner"):
        yield
        transaction.set_rollback(True, using="owner")


def run(sql: str) -> list[tuple[Any, ...]]:
    """As the owner. Never prepared: a file has several statements."""
    cursor = connections["owner"].connection.execute(sql, prepare=False)
    return list(cursor.fetchall()) if cursor.description else []


def catalogue() -> list[tuple[str, ...]]:
    return run(CATALOGUE)


def defined(file: Path) -> list[str]:
    """What a file creates, named as in the catalogue."""
    text = file.read_text()
    return [
        *(f"function {name}" for name in FUNCTION.findall(text)),
        *(f"trigger {name} ON {table}" for name, table, _ in TRIGGER.findall(text)),
        *(f"policy {name} ON {table}" for name, table in POLICY.findall(text)),
    ]


# --- Files and catalogue --------------------------------------------------------------------------------------------


def test_catalogue__every_function_trigger_and_policy__is_defined_in_exactly_one_file() -> None:
    in_files = Counter(name for file in FILES for name in defined(file))
    with rolled_back():
        in_force = Counter(row[0] for row in catalogue() if row[0].startswith(("function ", "trigger ", "policy ")))

    assert in_files == in_force
    assert len(in_force) > 70


def test_catalogue__every_table_with_row_level_security__has_a_file() -> None:
    with rolled_back():
        secured = {
            row[0].removeprefix("table ") for row in catalogue() if row[0].startswith("table ") and row[1] == "true"
        }

    assert {file.stem for file in FILES if TABLE.search(file.read_text())} == secured


@pytest.mark.no_database
@pytest.mark.parametrize("name", NAMES)
def test_file__in_its_room__is_about_what_it_is_named_after(name: str) -> None:
    file = CHECKOUT / name
    text, room = file.read_text(), file.parts[-3]
    functions, tables = FUNCTION.findall(text), TABLE.findall(text)

    assert text.startswith("-- ")
    # Triggers that call the function of a room below are in a file of their own room, which has its name.
    of_a_room_below = {other.stem for other in FILES if FUNCTION.search(other.read_text()) and other != file}
    assert [*functions, *tables] == ([] if file.stem in of_a_room_below and not functions else [file.stem])
    assert {function for *_, function in TRIGGER.findall(text)} <= {file.stem}
    assert set(GRANT.findall(text)) - {"SCHEMA"} <= {file.stem}
    about = [*tables, *(table for _, table in POLICY.findall(text))]
    assert [table for table in about if not table.startswith(f"{room}_")] == []
    # As code imports: a room may follow what changes in those below it, and knows nothing of those above.
    known = ROOMS[: ROOMS.index(room) + 1]
    assert [table for _, table, _ in TRIGGER.findall(text) if table.split("_")[0] not in known] == []


@pytest.mark.no_database
def test_files__that_no_migration_applies__are_those_that_all_policies_call() -> None:
    assert sorted(file.stem for file in FILES if file.parts[-3] == "retivo") == sorted(OF_ALL_POLICIES)


def test_files__applied_again__change_nothing() -> None:
    with rolled_back():
        before = catalogue()
        for file in FILES:
            run(file.read_text())
            assert catalogue() == before, file


def test_files__applied_where_there_is_nothing__make_all_that_is_in_force() -> None:
    with rolled_back():
        before = catalogue()
        run(TAKE_ALL_AWAY)
        run("SET LOCAL check_function_bodies = off")  # or a function would have to come after those it calls
        left = {row[0].partition(" ")[0] for row in catalogue()}
        with_function = {file: FUNCTION.search(file.read_text()) is not None for file in FILES}
        for file in sorted(FILES, key=lambda file: (file.parts[-3] != "retivo", not with_function[file])):
            run(file.read_text())

        assert left == {"table", "schema"}
        assert catalogue() == before


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE FUNCTION refuse_own_plan() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "ALTER FUNCTION claim_actions SECURITY INVOKER",
        "ALTER FUNCTION empty_key_ring SET search_path = public",
        "GRANT CREATE ON SCHEMA public TO app_auth; ALTER FUNCTION claim_actions OWNER TO app_auth;"
        "REVOKE CREATE ON SCHEMA public FROM app_auth",
        "GRANT EXECUTE ON FUNCTION contribute TO app_web",
        "DROP TRIGGER own_plan ON tenants_tenant",
        "ALTER TABLE tenants_tenant DISABLE TRIGGER own_plan",
        "ALTER POLICY tenant_isolation ON events_event USING (true)",
        "ALTER POLICY tenant_isolation ON events_event WITH CHECK (true)",
        "ALTER POLICY staff ON events_event TO app_web",
        "CREATE POLICY another ON events_event TO app_web USING (true)",
        "ALTER TABLE events_event DISABLE ROW LEVEL SECURITY",
        "GRANT DELETE ON tenants_auditentry TO app_web",
        "GRANT UPDATE (suspended_by_staff) ON tenants_tenant TO app_web",
        "GRANT CREATE ON SCHEMA public TO app_auth",
    ],
)
def test_comparison__with_one_thing_changed__notices(change: str) -> None:
    with rolled_back():
        before = catalogue()
        run(change)

        assert catalogue() != before


# --- Files and migrations -------------------------------------------------------------------------------------------


def redefines(file: Path, sql: str) -> bool:
    """Whether a migration's SQL defines, or changes the rights of, something that `file` does."""
    names = [rf"FUNCTION (public\.)?{file.stem}\b", rf"(GRANT|REVOKE)\b[^;]*\bON\b[^;]*\b{file.stem}\b"]
    names += [rf"POLICY \w+ ON {file.stem}\b", rf"TABLE {file.stem}\s[^;]*\bROW LEVEL SECURITY"]
    names += [rf"TRIGGER {name}\b[^;]*\bON {table}\b" for name, table, _ in TRIGGER.findall(file.read_text())]
    return re.search("|".join(names), sql) is not None


def inline(operations: list[Any]) -> str:
    """The SQL that stands in the migrations themselves."""
    texts = [
        operation.sql if isinstance(operation.sql, str) else ";".join(map(str, operation.sql))
        for operation in operations
        if isinstance(operation, RunSQL) and not isinstance(operation, InForce | AppliedAnew)
    ]
    return ";".join(texts)


@pytest.fixture
def graph() -> Any:
    return MigrationLoader(connections["owner"]).graph


def applied(graph: Any) -> list[tuple[Path, tuple[str, str], int]]:
    """Each file that is applied, the migration that does it, and the position among its operations."""
    return [
        (CHECKOUT / operation.path, key, position)
        for key, migration in graph.nodes.items()
        for position, operation in enumerate(migration.operations)
        if isinstance(operation, InForce)
    ]


def test_migrations__every_file__is_applied_by_exactly_one(graph: Any) -> None:
    assert sorted(file for file, _, _ in applied(graph)) == [file for file in FILES if file.parts[-3] != "retivo"]


def test_migrations__the_file_they_apply__is_as_it_was_when_they_were_written(graph: Any) -> None:
    """Otherwise it was edited without a new migration: see `retivo.database.sql` for how to change it."""
    edited = {
        (file.name, key): f"digest is now {digest_of(file.read_text())}"
        for file, key, position in applied(graph)
        if graph.nodes[key].operations[position].digest != digest_of(file.read_text())
    }

    assert edited == {}


@pytest.mark.no_database
def test_digest__of_a_file__covers_its_statements_and_no_comment_between_them() -> None:
    text = (CHECKOUT / "events/sql/make_event_partition.sql").read_text()

    assert digest_of("-- More.\n" + text) == digest_of(text)
    assert digest_of(text.replace("lock_timeout = '100ms'", "lock_timeout = '6s'")) != digest_of(text)
    assert digest_of(text.replace("        -- What the", "        -- All the")) != digest_of(text)


def test_migrations__a_functions_file__is_applied_by_one_of_its_room(graph: Any) -> None:
    apps = {file: app for file, (app, _), _ in applied(graph) if FUNCTION.search(file.read_text())}

    assert {file: app for file, app in apps.items() if file.parts[-3] != app} == {}


def test_migrations__after_the_one_that_applies_a_file__do_not_define_it_inline(graph: Any) -> None:
    found = []
    for file, key, position in applied(graph):
        earlier = set(graph.forwards_plan(key))
        later = {other: migration.operations for other, migration in graph.nodes.items() if other not in earlier}
        later[key] = graph.nodes[key].operations[position + 1 :]
        found += [(file.name, other) for other, operations in later.items() if redefines(file, inline(operations))]

    assert found == []


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("tenants/sql/refuse_own_plan.sql", "CREATE OR REPLACE FUNCTION refuse_own_plan() RETURNS trigger"),
        ("tenants/sql/refuse_own_plan.sql", "ALTER FUNCTION public.refuse_own_plan OWNER TO app_auth"),
        ("tenants/sql/refuse_own_plan.sql", "DROP TRIGGER own_plan ON tenants_tenant"),
        ("tenants/sql/refuse_own_plan.sql", "GRANT EXECUTE ON FUNCTION a, refuse_own_plan TO app_web"),
        ("tenants/sql/tenants_tenant.sql", "ALTER POLICY staff ON tenants_tenant USING (false)"),
        ("tenants/sql/tenants_tenant.sql", "GRANT UPDATE (slug) ON tenants_apikey, tenants_tenant TO app_web"),
        ("tenants/sql/tenants_tenant.sql", "ALTER TABLE tenants_tenant FORCE ROW LEVEL SECURITY"),
    ],
)
def test_redefinition__inline__is_recognised(name: str, sql: str) -> None:
    assert redefines(CHECKOUT / name, sql)
    assert not redefines(CHECKOUT / "events/sql/events_event.sql", sql)

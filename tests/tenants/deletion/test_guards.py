"""While a tenant is being deleted no row of it is inserted: by no role that runs, into no table, in SQL."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, connections

from retivo.api.errors import BEING_DELETED
from retivo.database import guards
from tenants import services
from tenants.access import keys
from tenants.context import staff_context, tenant_context
from tenants.models import Scope
from tests.conftest import Api, all_in_one_url, database_url
from tests.owner import as_owner, owner_cursor
from tests.partners.customers.test_delete_customer import delete
from tests.tenants.scene import two_partners
from tests.tenants.test_isolation import TENANT_COLUMNS

__all__ = ["two_partners"]  # the fixture

# Of the trail, which tells of the deletion itself; see the module `retivo.database.guards`.
TABLES = sorted(
    {*TENANT_COLUMNS} - {"tenants_auditcheckpoint", "tenants_auditentry", "tenants_deletion", "tenants_partnerevent"}
)


# Refused for another reason before the guard is asked: a copied key has no issuer.
EARLIER = {"tenants_apikey": "23514"}


def customer_of(partner: Api) -> UUID:
    (row,) = as_owner("SELECT id FROM tenants_tenant WHERE parent_id = %s", partner.tenant_id)
    found: UUID = row[0]
    return found


def copy_of_a_row(table: str, tenant_id: UUID) -> str | None:
    """A statement that inserts one of the tenant's rows again; None where it has none."""
    columns = as_owner(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attidentity = ''",
        table,
    )
    names = ", ".join(f'"{name}"' for (name,) in columns)
    where = "parent_id" if table == "tenants_tenant" else "tenant_id"
    column = where if any(name == where for (name,) in columns) else "partner_id"
    literals = ", ".join(f'quote_nullable("{name}"::text)' for (name,) in columns)
    with owner_cursor() as cursor:
        cursor.execute(f"SELECT {literals} FROM {table} WHERE {column} = %s LIMIT 1", [tenant_id])
        row = cursor.fetchone()
    return row and f"INSERT INTO {table} ({names}) VALUES ({', '.join(row)})"


@pytest.mark.parametrize("table", TABLES)
def test_guard__on_every_table_with_a_tenant__is_there(table: str) -> None:
    found = as_owner(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s",
        table,
        guards.OF_ROWS,
    )

    assert len(found) == 1, f"`migrate` makes {guards.OF_ROWS} on {table}"


def test_guards__of_a_table_that_a_migration_makes__come_with_migrate() -> None:
    owner = connections["owner"]
    owner.ensure_connection()
    as_owner("CREATE TABLE tenants_later (tenant_id uuid)")
    try:
        assert guards.keep_guards(owner.connection) == ["tenants_later"]
        assert guards.keep_guards(owner.connection) == []
    finally:
        as_owner("DROP TABLE tenants_later")


def test_guards__that_ask_the_api_once_a_statement__are_on_tables_that_it_writes_for_its_own_tenant_alone() -> None:
    of_rows, of_statements = (
        dict(
            as_owner(
                "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger"
                " WHERE tgname = %s AND tgparentid = 0",
                name,
            )
        )
        for name in (guards.OF_ROWS, guards.OF_STATEMENTS)
    )
    asked = {table for table, definition in of_rows.items() if "app_web" not in definition}

    assert asked >= {
        "tenants_tenant",
        "tenants_apikey",
        "integrations_integrationshare",
        "integrations_actiontype",
    }
    assert asked | of_statements.keys() == of_rows.keys()
    assert not asked & of_statements.keys()
    assert of_statements.keys() >= {"events_event", "events_storedkey", "events_trackeduser", "decisions_decision"}


def contexts(tenant_id: UUID) -> Iterator[AbstractContextManager[None]]:
    yield tenant_context(tenant_id)
    yield staff_context()


def test_insert__of_a_copy_of_each_row__is_refused_to_workers_and_staff(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    gone = customer_of(acme)
    delete(acme, gone)
    refused = []
    for table in TABLES:
        statement = copy_of_a_row(table, gone)
        if statement is None:
            continue
        for context in contexts(gone):
            with pytest.raises(DatabaseError) as caught, context, connection.cursor() as cursor:
                cursor.execute(statement)
            cause: Any = caught.value.__cause__
            if "permission denied for table" in str(cause):  # neither may write it at all
                continue
            assert cause.sqlstate in {BEING_DELETED, EARLIER.get(table)}, (table, str(cause))
            refused.append(table)

    assert len(set(refused)) >= 20


def test_insert__by_the_login_of_an_installation_with_one_url__is_refused(acme: Api, merchant: Api) -> None:
    delete(acme, merchant)
    insert = (
        "INSERT INTO events_stagechange (tenant_id, user_id, from_stage, to_stage) VALUES (%(t)s, 'u', 'new', 'active')"
    )
    with psycopg.connect(all_in_one_url()) as one:
        one.execute("SELECT set_config('retivo.tenant_id', %s, true)", [str(merchant.tenant_id)])
        with pytest.raises(psycopg.Error) as caught:
            one.execute(insert, {"t": merchant.tenant_id})

    assert caught.value.sqlstate == BEING_DELETED


def test_key__of_a_tenant_that_is_being_deleted__gives_the_apis_login_no_context(acme: Api, merchant: Api) -> None:
    delete(acme, merchant)
    with psycopg.connect(database_url("web")) as web:
        digest = [keys.digest(merchant.key)]
        # As the release before knows it; the reason is told beside.
        assert web.execute("SELECT verdict FROM authenticate_api_key(%s)", digest).fetchone() == ("suspended",)
        because = web.execute("SELECT because FROM refusal_of_key(%s) WHERE since IS NOT NULL", digest).fetchone()
        assert because == ("tenant_deleting",)
        assert web.execute("SELECT current_tenant()").fetchone() == (None,)


def test_insert__in_a_context_from_before_the_deletion__is_refused_to_the_api(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    gone = customer_of(acme)
    with staff_context():
        key = services.issue_key(actor="staff:test", tenant_id=gone, scopes=[Scope.FULL]).text
    statements = {table: statement for table in TABLES if (statement := copy_of_a_row(table, gone))}
    with psycopg.connect(database_url("web")) as web:
        web.execute("SELECT * FROM authenticate_api_key(%s)", [keys.digest(key)])
        assert web.execute("SELECT current_tenant()").fetchone() == (gone,)
        delete(acme, gone)  # waits for nobody
        refused = []
        for table, statement in statements.items():
            with pytest.raises(psycopg.Error) as caught, web.transaction():
                web.execute(statement)
            if "permission denied for" in str(caught.value):  # it may not write it at all
                continue
            assert caught.value.sqlstate in {BEING_DELETED, EARLIER.get(table)}, (table, str(caught.value))
            refused.append(table)

    assert {"events_event", "events_trackeduser", "decisions_decision", "delivery_action"} <= set(refused)


def in_context_of(partner: Api, statement: str, *parameters: Any) -> None:
    with psycopg.connect(database_url("web")) as web:
        web.execute("SELECT * FROM authenticate_api_key(%s)", [keys.digest(partner.key)])
        web.execute(statement, parameters)


def test_partner__by_sql__adds_nothing_to_a_customer_that_is_being_deleted(acme: Api, merchant: Api) -> None:
    integration = acme.register()
    delete(acme, merchant)
    for statement, parameters in [
        (
            "INSERT INTO tenants_apikey (id, tenant_id, digest, prefix, label, scopes, created_by)"
            " VALUES (gen_random_uuid(), %s, sha256('x'), 'rt_live_xxxx', '', '{full}', %s)",
            [merchant.tenant_id, acme.actor],
        ),
        (
            "INSERT INTO integrations_integrationshare (tenant_id, partner_id, integration_id) VALUES (%s, %s, %s)",
            [merchant.tenant_id, acme.tenant_id, integration["id"]],
        ),
    ]:
        with pytest.raises(psycopg.Error) as caught:
            in_context_of(acme, statement, *parameters)
        assert caught.value.sqlstate == BEING_DELETED


# --- The tenant's row and the record ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "plan_status = 'deleting'",
        "delete_at = now() + interval '1 day'",
        "plan_status = 'deleting', delete_at = NULL",
        "plan_status = 'active', delete_at = now() + interval '1 day'",
    ],
)
def test_tenant__deleting_without_its_time_or_the_other_way__is_refused(acme: Api, merchant: Api, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="tenant_deleting_has_its_time"):
        in_context_of(acme, f"UPDATE tenants_tenant SET {change} WHERE id = %s", merchant.tenant_id)


def test_tenant__by_sql__is_restored_in_time_alone(acme: Api, merchant: Api) -> None:
    undo = "UPDATE tenants_tenant SET plan_status = 'active', delete_at = NULL WHERE id = %s"
    delete(acme, merchant, grace_days=1)
    in_context_of(acme, undo, merchant.tenant_id)
    as_owner("UPDATE tenants_deletion SET status = 'cancelled'")
    delete(acme, merchant, grace_days=0)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is deleted since"):
        in_context_of(acme, undo, merchant.tenant_id)


def test_tenant__in_its_own_context__neither_schedules_nor_undoes_its_deletion(acme: Api, merchant: Api) -> None:
    schedule = "UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() + interval '1 day' WHERE id = %s"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="its own"):
        in_context_of(merchant, schedule, merchant.tenant_id)
    delete(acme, merchant)
    undo = "UPDATE tenants_tenant SET plan_status = 'active', delete_at = NULL WHERE id = %s"
    with pytest.raises(DatabaseError, match="its own"), tenant_context(merchant.tenant_id):
        connection.cursor().execute(undo, [merchant.tenant_id])


@pytest.mark.parametrize("status", ["running", "verified", "failed"])
def test_record__by_sql_of_a_partner__is_scheduled_or_called_off_and_nothing_else(
    acme: Api, merchant: Api, status: str
) -> None:
    delete(acme, merchant)
    with pytest.raises(psycopg.Error):
        in_context_of(acme, f"UPDATE tenants_deletion SET status = '{status}'")
    for column in ("delete_at = now()", "jws = 'x'", "tables = '{}'", "owner_id = NULL"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            in_context_of(acme, f"UPDATE tenants_deletion SET {column}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        in_context_of(acme, "DELETE FROM tenants_deletion")


def test_record__of_another_partners_customer__is_neither_seen_nor_made(acme: Api, rival: Api, merchant: Api) -> None:
    delete(acme, merchant)
    insert = (
        "INSERT INTO tenants_deletion (status, subject_id, subject_hash, owner_id, requested_by, delete_at,"
        " reason, failure, tables, jws)"
        " VALUES ('scheduled', %s, '', %s, 'x', now(), '', '', '{}', '')"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        in_context_of(rival, insert, merchant.tenant_id, rival.tenant_id)
    assert rival.get("/api/partners/deletions").json()["total"] == 0


def test_record__has_no_foreign_key() -> None:
    assert (
        as_owner(
            "SELECT conname FROM pg_constraint WHERE contype = 'f'"
            " AND 'tenants_deletion'::regclass IN (conrelid, confrelid)"
        )
        == []
    )
    assert re.fullmatch(r"RT\d{3}", BEING_DELETED)

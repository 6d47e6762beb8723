"""Deleting a tenant: nothing of it is left in any table, and nothing of anyone else is gone."""

from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tenants.context import staff_context
from tenants.deletion import job, rows
from tenants.models import AuditEntry, Tenant
from tests.conftest import Api
from tests.owner import as_owner, owner_cursor
from tests.tenants.scene import two_partners
from tests.tenants.test_isolation import OF_ALL, OF_NONE, PUBLISHED, TENANT_COLUMNS, UNSHARED, tables

__all__ = ["two_partners"]  # the fixture


def rows_of(*tenants: UUID) -> dict[str, int]:
    """How many there are of these, by table and column, as the owner sees them."""
    with staff_context():
        named = [*rows.tables(), *rows.gone_with_the_tenant()]
    found = {}
    with owner_cursor() as cursor:
        for table, column in named:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = ANY(%s)", [list(tenants)])
            found[f"{table}.{column}"] = cursor.fetchone()[0]
    return found


def delete(tenant_id: Any, confirm: str) -> None:
    call_command("delete_tenant", str(tenant_id), confirm=confirm)


def customer_of(partner: Api) -> UUID:
    with staff_context():
        return Tenant.objects.get(parent_id=partner.tenant_id).id


def test_tables__of_a_deletion__are_all_that_name_a_tenant() -> None:
    with staff_context():
        found = {table for table, _ in rows.tables()}

    otherwise = {
        "tenants_tenant",
        "tenants_auditentry",
        "tenants_auditcheckpoint",
        "tenants_deletion",
        "learning_receipt",
        "tenants_control",
    }
    assert found == TENANT_COLUMNS.keys() - otherwise | {"learning_noisysum", "tenants_permit"}


# Tables in which nothing is of a tenant, and those of Django and of the queue.
OF_NOBODY = OF_ALL | OF_NONE | PUBLISHED | {"retivo_seal", "tenants_audithead"}


def test_tables__of_the_database__are_deleted_from_or_kept_for_a_reason_or_name_nobody() -> None:
    """A new table fails here, until it is said which of the three it is."""
    with staff_context():
        deleted = {table for table, _ in [*rows.tables(), *rows.gone_with_the_tenant()]}
    ours = {table for table, *_ in tables() if not UNSHARED.match(table)}

    assert ours == deleted | rows.KEPT.keys() | OF_NOBODY
    assert OF_NOBODY.isdisjoint(deleted | rows.KEPT.keys())
    # Whatever holds ids of tenants under another name would be missed.
    ids = as_owner(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute"
        " WHERE atttypid IN ('uuid'::regtype, 'uuid[]'::regtype)"
        " AND attrelid = ANY (%s::regclass[]) AND NOT attisdropped ORDER BY 1, 2",
        sorted(OF_NOBODY),
    )
    assert ids == [("tenants_workerprocess", "id")]  # its own


@pytest.mark.parametrize("batch", [2, rows.BATCH])
def test_delete__a_customer__leaves_nothing_of_it_and_all_of_the_others(
    two_partners: tuple[Api, Api], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    acme, rival = two_partners
    gone = customer_of(acme)
    others = (acme.tenant_id, rival.tenant_id, customer_of(rival))
    before = rows_of(*others)
    before["tenants_idempotentanswer.tenant_id"] -= 1  # which told acme of its customer
    partners_alone = {
        "integrations_partnerintegration",
        "integrations_actiontypetemplate",
        "integrations_revision",
        "integrations_revisiontemplate",
        "integrations_rollout",
        "integrations_sharing",
        "integrations_secretversion",
        "tenants_idempotentanswer",
        "tenants_partnerevent",
        "tenants_eventhead",
        "delivery_webhook",
        "delivery_webhookreader",
        "delivery_webhookdelivery",
        "delivery_webhookattempt",
        "delivery_failurecount",
        "delivery_endpointhour",
        "delivery_recovery",
        "delivery_certification",
    }
    empty = {name for name, count in rows_of(gone).items() if not count and ".tenant_id" in name}
    assert {name.partition(".")[0] for name in empty} == partners_alone
    monkeypatch.setattr(rows, "BATCH", batch)
    monkeypatch.setattr(rows, "BLOCKS", batch)

    delete(gone, "merchant")

    assert set(rows_of(gone).values()) == {0}
    # A share and its action types name the partner, too, and it is told.
    told = "tenants_partnerevent.tenant_id"
    assert {name: count for name, count in rows_of(*others).items() if not name.endswith("partner_id")} == {
        name: count + 2 * (name == told) for name, count in before.items() if not name.endswith("partner_id")
    }
    with staff_context():
        entry = AuditEntry.objects.get(tenant_id=gone, action="customer.deleted")
    assert entry.actor == "command:delete_tenant"
    assert entry.detail["rows"] > len(empty)


def test_delete__a_table_without_an_index_of_tenants__is_read_once(merchant: Api) -> None:
    with owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_storedkey (tenant_id, key)"
            " SELECT CASE WHEN n %% 2 = 0 THEN %s ELSE gen_random_uuid() END, gen_random_uuid()"
            " FROM generate_series(1, 20000) n",
            [merchant.tenant_id],
        )
        cursor.execute("ANALYZE events_storedkey")
        cursor.execute("SELECT sum(relpages) FROM pg_class WHERE relname ~ '^events_storedkey_.$'")
        (blocks,) = cursor.fetchone()
    read = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE FROM events_storedkey_"):
            read.append(params)
        return execute(sql, params, many, context)

    with pytest.MonkeyPatch.context() as patch, connection.execute_wrapper(note):
        patch.setattr(rows, "BLOCKS", 10)
        assert job.delete_now(actor="test", tenant_id=merchant.tenant_id) >= 10_000

    # Once before the tenant goes, and once after it.
    assert 2 * blocks / 10 <= len(read) <= 2 * (blocks / 10 + 4)


def test_delete__a_partner__wants_its_customers_gone_first(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    with pytest.raises(CommandError, match="has customers"):
        delete(acme.tenant_id, "acme")
    assert acme.get("/api/settings").status_code == 200

    delete(customer_of(acme), "merchant")
    delete("acme", "acme")

    assert set(rows_of(acme.tenant_id).values()) == {0}
    assert acme.get("/api/settings").status_code == 401


def test_delete__without_the_right_slug__deletes_nothing(merchant: Api) -> None:
    with pytest.raises(CommandError, match="nothing was deleted"):
        delete(merchant.tenant_id, "merchent")
    with pytest.raises(CommandError, match="no tenant"):
        delete("nobody", "nobody")

    assert merchant.get("/api/settings").status_code == 200

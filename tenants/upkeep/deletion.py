"""Deleting a tenant with all that is of it: suspended first, then table by table in bounded transactions.

The tables are those that the database has: whatever names a tenant, in the rooms above too, whose rows refer to others
by foreign keys. A row goes after those that refer to it. Staff may not delete from all of them: the audit trail stays,
and receipts of releases go by their foreign key, together with the tenant.
"""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection

from tenants import outbox
from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant
from tenants.services import set_plan_status

BATCH = 10_000  # rows a transaction
BLOCKS = 1_000  # a transaction, of a table without an index


def delete_tenant(*, actor: str, tenant_id: UUID) -> int:
    """Delete a tenant for good; how many rows went. What was interrupted is finished by doing it again.

    Raises:
        Tenant.DoesNotExist: there is none.
        ValidationError: it is a partner and has customers.
    """
    with staff_context():
        tenant = Tenant.objects.get(id=tenant_id)
        if Tenant.objects.filter(parent_id=tenant_id).exists():
            raise ValidationError(f"{tenant} has customers: delete them first.")
        # From here on no key of it is let in; what workers still do for it goes in the last round.
        set_plan_status(actor=actor, tenant_id=tenant_id, plan_status=PlanStatus.SUSPENDED)
    rows = _delete_rows(tenant_id)
    with staff_context():
        Tenant.objects.select_for_update().get(id=tenant_id)
        for table, column in tables():
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [tenant_id])  # noqa: S608 (the catalogue's names)
                rows += cursor.rowcount
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM tenants_tenant WHERE id = %s", [tenant_id])
        outbox.record(actor=actor, action="tenant.deleted", tenant_id=tenant_id, slug=tenant.slug, rows=rows)
    # Tables without a foreign key to the tenant took rows until a moment ago.
    return rows + _delete_rows(tenant_id)


def tables() -> list[tuple[str, str]]:
    """Every table that names a tenant and that staff may delete from, and by which column.

    Those that refer to others come before them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        left = {(table, column): set(after) for table, column, after in cursor.fetchall()}
    ordered: list[tuple[str, str]] = []
    while left:
        names = {table for table, _ in left}
        # Who is referred to by none that is left.
        free = [key for key, after in left.items() if not (after & names) - {key[0]}]
        if not free:
            raise RuntimeError(f"These tables refer to each other in a circle: {sorted(names)}.")
        ordered += sorted(free)
        for key in free:
            del left[key]
    return ordered


def _delete_rows(tenant_id: UUID) -> int:
    return sum(
        (_delete_by_index if is_indexed else _delete_in_passing)(table, column, tenant_id)
        for table, column, is_indexed in tables_in_parts()
    )


def _delete_in_passing(table: str, column: str, tenant_id: UUID) -> int:
    """Once over the whole table: it has no index of tenants, so each batch would begin at the first row again."""
    total = 0
    with staff_context(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", [table])
        (blocks,) = cursor.fetchone()
    for first in range(0, blocks, BLOCKS):
        with staff_context(), connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid >= %s::tid AND ctid < %s::tid AND {column} = %s",  # noqa: S608
                [f"({first},0)", f"({first + BLOCKS},0)", tenant_id],
            )
            total += cursor.rowcount
    return total


def _delete_by_index(table: str, column: str, tenant_id: UUID) -> int:
    total, deleted = 0, BATCH
    while deleted == BATCH:
        with staff_context(), connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608 (the catalogue's names)
                f"SELECT ctid FROM {table} WHERE {column} = %s LIMIT {BATCH}))",
                [tenant_id],
            )
            deleted = cursor.rowcount
            total += deleted
    return total


def tables_in_parts() -> list[tuple[str, str, bool]]:
    """As `tables`, with each partition in its table's place, and whether an index of it begins with the column.

    A row's address holds within one partition.

    Without those that staff may not read: they have few rows of a tenant, which go with the tenant itself.
    """
    with staff_context():
        whole = tables()
        with connection.cursor() as cursor:
            cursor.execute(_PARTITIONS)
            parts: dict[str, list[str]] = dict(cursor.fetchall())
            cursor.execute(
                "SELECT t FROM unnest(%s::text[]) t WHERE has_table_privilege(t, 'SELECT')", [[t for t, _ in whole]]
            )
            readable = {table for (table,) in cursor.fetchall()}
            found = [
                (part, column) for table, column in whole if table in readable for part in parts.get(table, [table])
            ]
            cursor.execute(_INDEXED, {"tables": [table for table, _ in found]})
            indexed = set(cursor.fetchall())
    return [(table, column, (table, column) in indexed) for table, column in found]


_TABLES = """
    SELECT c.oid::regclass::text, a.attname, ARRAY(
        SELECT DISTINCT f.conrelid::regclass::text FROM pg_constraint f
        WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.conrelid <> c.oid
    )
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND has_table_privilege(c.oid, 'DELETE') AND a.atttypid = 'uuid'::regtype
        -- Rows with both are of a customer, which went before its partner.
        AND a.attname = CASE WHEN EXISTS (
            SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped
        ) THEN 'tenant_id' ELSE 'partner_id' END
"""

_INDEXED = """
    SELECT a.attrelid::regclass::text, a.attname FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = ANY (%(tables)s::regclass[]) AND i.indisvalid AND i.indpred IS NULL
"""

_PARTITIONS = """
    SELECT i.inhparent::regclass::text, array_agg(i.inhrelid::regclass::text ORDER BY 1)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'p' GROUP BY 1
"""

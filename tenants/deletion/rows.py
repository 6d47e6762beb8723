"""The rows of a tenant: which tables have some, deleted in bounded transactions, and counted.

The tables are those that the database has: whatever names a tenant, in the rooms above too, whose rows refer to others
by foreign keys. A row goes after those that refer to it. Staff may not delete from all of them: the audit trail stays,
and receipts of releases go by their foreign key, together with the tenant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from tenants.context import staff_context

BATCH = 10_000  # rows a transaction
BLOCKS = 1_000  # a transaction, of a table without an index


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table that names a tenant, or a partition of one: a row's address holds within one partition."""

    table: str  # the whole
    name: str
    column: str
    is_indexed: bool  # an index begins with the column
    is_readable: bool  # staff may address its rows; of the others a tenant has few, which go with the tenant itself

    @property
    def is_read_whole(self) -> bool:
        return self.is_readable and not self.is_indexed


@dataclass(frozen=True, kw_only=True)
class Step:
    """A statement for one transaction, about a few of a tenant's rows in `part`."""

    part: Part
    where: str
    parameters: tuple[str | UUID, ...]

    def delete(self) -> int:
        """How many rows went."""
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.part.name} WHERE {self.where}", self.parameters)  # noqa: S608
            deleted: int = cursor.rowcount
        return deleted

    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.part.name} WHERE {self.where}", self.parameters)  # noqa: S608
            found: int = cursor.fetchone()[0]
        return found


def tables() -> list[tuple[str, str]]:
    """Every table that names a tenant and that staff may delete from, and by which column.

    Those that refer to others come before them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        left = {(table, column): set(after) for table, column, after, deletable in cursor.fetchall() if deletable}
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


def gone_with_the_tenant() -> list[tuple[str, str]]:
    """Tables that staff do not delete from, whose rows go by their foreign key, and the tenants' own."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        found = [(table, column) for table, column, _, deletable in cursor.fetchall() if not deletable]
    return [*((table, column) for table, column in found if table != TRAIL), ("tenants_tenant", "id")]


TRAIL = "tenants_auditentry"

# Tables with rows about a tenant that stay when it is deleted, and why. A test asks of every table of the database that
# it is deleted from, is one of these, or names no tenant.
KEPT = {
    TRAIL: "Who did what and when: as the partner and the operator have to show. What it was about is taken out.",
    "tenants_auditcheckpoint": "Where the trail of a partner and its customers stood on each day, signed.",
    "tenants_partnerevent": "What its partner was told, in the order in which it was. What named the tenant but by its "
    "id is taken out.",
    "tenants_deletion": "This certificate. Hashes stand for the ids.",
}


def parts(named: list[tuple[str, str]]) -> list[Part]:
    """These tables, with each partition in its table's place."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS)
        partitions: dict[str, list[str]] = dict(cursor.fetchall())
        found = [(table, part, column) for table, column in named for part in partitions.get(table, [table])]
        cursor.execute(_INDEXED, {"tables": [part for _, part, _ in found]})
        indexed = set(cursor.fetchall())
        cursor.execute(
            "SELECT t FROM unnest(%s::text[]) t WHERE has_table_privilege(t, 'SELECT')", [[table for table, _ in named]]
        )
        readable = {table for (table,) in cursor.fetchall()}
    return [
        Part(
            table=table,
            name=part,
            column=column,
            is_indexed=(part, column) in indexed,
            is_readable=table in readable,
        )
        for table, part, column in found
    ]


def filled(those: list[Part], tenant_id: UUID) -> list[Part]:
    """Those that have a row of the tenant, found by one statement, and those that have to be read whole to tell.

    A tenant has rows in few of the partitions, and a transaction for each of them would take longer than its rows do.
    """
    found = [part for part in those if part.is_readable and part.is_indexed]
    asked = " UNION ALL ".join(
        f"SELECT {n} WHERE EXISTS (SELECT FROM {part.name} WHERE {part.column} = %(id)s)"  # noqa: S608
        for n, part in enumerate(found)
    )
    with connection.cursor() as cursor:
        cursor.execute(asked, {"id": tenant_id})
        has_rows = {found[n] for (n,) in cursor.fetchall()}
    return [part for part in those if part in has_rows or part not in found]


def batch(part: Part, tenant_id: UUID) -> Step:
    """Some of a tenant's rows, found by the index. Whoever deletes them does it again until there are fewer."""
    return Step(
        part=part,
        where=f"ctid = ANY (ARRAY(SELECT ctid FROM {part.name} WHERE {part.column} = %s LIMIT {BATCH}))",  # noqa: S608
        parameters=(tenant_id,),
    )


def at_once(part: Part, tenant_id: UUID) -> Iterator[Step]:
    """All of a tenant's rows."""
    yield Step(part=part, where=f"{part.column} = %s", parameters=(tenant_id,))


def in_passing(part: Part, tenant_id: UUID) -> Iterator[Step]:
    """Once over the whole table: it has no index of tenants, so each batch would begin at the first row again."""
    with staff_context(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", [part.name])
        (blocks,) = cursor.fetchone()
    for first in range(0, blocks, BLOCKS):
        yield Step(
            part=part,
            where=f"ctid >= %s::tid AND ctid < %s::tid AND {part.column} = %s",
            parameters=(f"({first},0)", f"({first + BLOCKS},0)", tenant_id),
        )


_TABLES = """
    SELECT c.oid::regclass::text, a.attname, ARRAY(
        SELECT DISTINCT f.conrelid::regclass::text FROM pg_constraint f
        WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.conrelid <> c.oid
    ), has_table_privilege(c.oid, 'DELETE')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.atttypid = 'uuid'::regtype
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

"""Row-level security in migrations from before web and worker had roles of their own.

The policies and grants in force stand in the tables' files: `retivo.database.sql`.
"""

from django.db.migrations.operations import RunSQL

from retivo.database.roles import ALL_IN_ONE, STAFF

CURRENT_TENANT = "(SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)"


def isolate(table: str, *, visible: str, grants: str, writable: str | None = None) -> RunSQL:
    """Enable row-level security on `table`. Only for migrations whose policies or grants a later one changed.

    Args:
        visible: the SQL condition under which the runtime role reads a row; `{tenant}` is the context.
        grants: the privileges the runtime role gets, as in GRANT, e.g. "SELECT, INSERT".
        writable: the condition that a new or changed row must meet; `visible` where None.
    """
    using, check = (text.format(tenant=CURRENT_TENANT) for text in (visible, writable or visible))
    return RunSQL(
        sql=[
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_isolation ON {table} TO {ALL_IN_ONE} USING ({using}) WITH CHECK ({check})",
            f"CREATE POLICY staff ON {table} TO {STAFF} USING (true) WITH CHECK (true)",
            f"GRANT {grants} ON {table} TO {ALL_IN_ONE}",
        ],
        reverse_sql=[*undo_isolation(table)],
    )


def undo_isolation(table: str) -> list[str]:
    """The `reverse_sql` of the first migration that isolates `table`, by `isolate` or by the table's file."""
    return [
        f"REVOKE ALL ON {table} FROM {ALL_IN_ONE}",
        f"DROP POLICY staff ON {table}",
        f"DROP POLICY tenant_isolation ON {table}",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]

"""No row of a tenant that is being deleted: triggers on every table that names a tenant, in whichever room.

`migrate` makes what is missing, so a table that a later migration makes has them, too. All of them call the function
`refuse_while_deleting`.

To ask for each row costs about a microsecond. The API's role writes most tables in its own tenant's context alone:
there it is asked once a statement instead, for some ten microseconds, however many rows a batch has. The keys of a
tenant that is being deleted give no context at all (`authenticate_api_key`); what the triggers refuse are requests that
were let in before.

The tables' owner is passed over: it writes what other functions note of rows that are there.
"""

from typing import Any

import psycopg
from psycopg import sql

from retivo.database.roles import WEB

OF_ROWS = "not_while_deleting"
OF_STATEMENTS = "not_in_context_while_deleting"
FUNCTION = "refuse_while_deleting"


def keep_guards(connection: psycopg.Connection[Any]) -> list[str]:
    """Make the triggers that are missing; the tables that got some. `connection` is the owner's, in no transaction."""
    if connection.execute("SELECT to_regproc(%s)", [FUNCTION]).fetchone() == (None,):
        return []
    missing = connection.execute(_MISSING, {"trigger": OF_ROWS}).fetchall()
    for table, column, by_web in missing:
        owner = connection.info.user
        with connection.transaction():
            if not by_web:
                _make(connection, OF_STATEMENTS, table, _OF_STATEMENTS, web=WEB)
            _make(connection, OF_ROWS, table, _OF_ROWS, passed=[owner] if by_web else [owner, WEB], column=column)
    return [table for table, *_ in missing]


def _make(connection: psycopg.Connection[Any], trigger: str, table: str, statement: str, **literals: Any) -> None:
    names = {"trigger": sql.Identifier(trigger), "table": sql.Identifier(table), "function": sql.Identifier(FUNCTION)}
    connection.execute(
        sql.SQL(statement).format(**names, **{name: sql.Literal(value) for name, value in literals.items()})
    )


_OF_ROWS = """
    CREATE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW
    WHEN (current_user <> ALL ({passed})) EXECUTE FUNCTION {function}({column})
"""
_OF_STATEMENTS = """
    CREATE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH STATEMENT
    WHEN (current_user = {web}) EXECUTE FUNCTION {function}('context')
"""

# Every table with a tenant, by the column that names it, and whether the API writes rows of others than its own tenant.
# The audit trail and the feed of events tell of the deletion itself.
_MISSING = """
    SELECT c.relname, n.name, NOT EXISTS (
        SELECT FROM pg_policies p
        WHERE p.schemaname = 'public' AND p.tablename = c.relname AND p.cmd IN ('ALL', 'INSERT')
            AND 'app_web' = ANY(p.roles)
            AND p.with_check = '(tenant_id = ( SELECT current_tenant() AS current_tenant))'
    )
    FROM pg_class c CROSS JOIN LATERAL (
        SELECT CASE WHEN c.relname = 'tenants_tenant' THEN 'parent_id' ELSE (
            SELECT a.attname FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname IN ('tenant_id', 'partner_id') AND NOT a.attisdropped
                AND a.atttypid = 'uuid'::regtype
            ORDER BY a.attname DESC LIMIT 1
        ) END AS name
    ) n
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND n.name IS NOT NULL AND c.relname NOT IN ('tenants_auditentry', 'tenants_partnerevent')
        AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(trigger)s)
    ORDER BY c.relname
"""

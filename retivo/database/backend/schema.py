"""Django's schema editor, whose concurrent index statements can be repeated and wait for old transactions."""

from typing import Any

from django.db.backends.postgresql import schema

# CREATE and DROP INDEX CONCURRENTLY wait until every older transaction has ended. Nobody waits behind them meanwhile.
CONCURRENT_LOCK_TIMEOUT = "10min"


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    # A migration that is not atomic may have been killed after this statement and before it was recorded. What a killed
    # statement left invalid is dropped by `migrate` before it begins.
    sql_create_index_concurrently = schema.DatabaseSchemaEditor.sql_create_index_concurrently.replace(
        "CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"
    )

    def execute(self, sql: Any, params: Any = ()) -> None:
        if self.connection.in_atomic_block or " CONCURRENTLY " not in str(sql):
            super().execute(sql, params)
            return
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout')")
            (before,) = cursor.fetchone()
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [CONCURRENT_LOCK_TIMEOUT])
            try:
                super().execute(sql, params)
            finally:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])

"""Changes of indexes in migrations that are not atomic, which nobody waits for."""

from typing import Any

from django.db import migrations


class WithoutIndex(migrations.AlterField):
    """The field, which has `db_index=False` from now on, loses the index that Django made for it."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _, name = self._place(app_label, schema_editor, to_state)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        place, name = self._place(app_label, schema_editor, to_state)
        schema_editor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {place}")

    def _place(self, app_label: str, schema_editor: Any, state: Any) -> tuple[str, str]:
        """The table with the column, and the index's name."""
        model = state.apps.get_model(app_label, self.model_name)
        table, column = model._meta.db_table, model._meta.get_field(self.name).column
        return f"{table} ({column})", schema_editor._create_index_name(table, [column])

"""The SQL in force: the text of each function, trigger and policy stands in `<room>/sql/NAME.sql`.

NAME is the name of a function or of a table:

- A function's file defines it, and says who owns it, who may execute it and which triggers call it.
- A table's file enables row-level security, and holds the policies and grants of the table. Staff's rights are in it
  only where they differ from what `retivo.database.roles.prepare_database` grants them on every table.

A file can be applied again, which changes nothing. Exactly one migration applies it: the last one that changed what the
file defines. Earlier migrations keep the text that was in force at their time. To change a function, a trigger, a
policy or a grant:

1. In the migration that applies the file, replace `InForce` by a `RunSQL` with the text as it is now.
2. Edit the file.
3. Add a migration that applies it, with that former text as its `reverse_sql`. `CREATE OR REPLACE` and `GRANT` take
   nothing away, so this migration first drops or revokes what the file no longer contains: a policy, a right, a former
   signature of a function.

`tests/retivo/database/test_sql.py` compares the files with the catalogue.
"""

from collections.abc import Sequence
from pathlib import Path

from django.db.migrations.operations import RunSQL

_CHECKOUT = Path(__file__).resolve().parents[2]


class InForce(RunSQL):
    """Apply `<room>/sql/<name>.sql`."""

    def __init__(self, room: str, name: str, *, reverse_sql: str | Sequence[str]) -> None:
        self.path = Path(room, "sql", f"{name}.sql")
        # A list of one: RunSQL would split a string into its statements. In one piece they take effect together, in a
        # migration that is not atomic, too.
        super().__init__(
            sql=[(_CHECKOUT / self.path).read_text()],
            reverse_sql=reverse_sql if isinstance(reverse_sql, str) else list(reverse_sql),
        )

    def describe(self) -> str:
        return f"Apply {self.path}"

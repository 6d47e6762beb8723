"""The SQL in force: the text of each function, trigger and policy stands in `<room>/sql/NAME.sql`.

NAME is the name of a function or of a table:

- A function's file contains its definition, its owner if that is not the owner of the tables, its EXECUTE rights and
  the triggers that call it. In a room above, a file of the same name has the triggers of that room's tables.
- A table's file enables row-level security and contains the table's policies and grants. Staff's rights are in it only
  if they differ from what `retivo.database.roles.prepare_database` grants them on every table.

A file can be applied again, which changes nothing. Exactly one migration applies it: the last one that changed what the
file defines. Earlier migrations keep the text that was in force at their time. To change a function, a trigger, a
policy or a grant:

1. In the migration that applies the file, replace `InForce` by a `RunSQL` with the text as it is now.
2. Edit the file.
3. Add a migration that applies it, with that former text as its `reverse_sql`. `CREATE OR REPLACE` and `GRANT` take
   nothing away, so this migration first drops or revokes what the file no longer contains: a policy, a right, a former
   signature of a function. A parameter that is added to a function has a default: a call that waited for the
   migration's locks goes on in its caller's former text. A function that returns other columns than before gets another
   name, and the former one calls it: a prepared call of the release before would fail. An earlier `AppliedAnew` of the
   room gets the former text as `later`.

Where all files change in the same way, as when a role gets another name, do not freeze the former text of each. Edit
the files and the digests in place, and let a migration of each room apply all of its files anew (`AppliedAnew`). New
databases get the new text at once, and existing ones with this migration.

A migration records the digest of the file that it applies. If the file is edited without steps 1 and 3, its digest no
longer matches: the change would reach new databases, but not existing ones. `tests/retivo/database/test_sql.py` fails
then. It also compares the files with the catalogue.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from django.db.migrations.operations import RunSQL

_CHECKOUT = Path(__file__).resolve().parents[2]


class InForce(RunSQL):
    """Apply `<room>/sql/<name>.sql`, whose digest was `digest` when the migration was written."""

    def __init__(self, room: str, name: str, *, digest: str, reverse_sql: str | Sequence[str]) -> None:
        self.path = Path(room, "sql", f"{name}.sql")
        self.digest = digest
        # A list, because RunSQL would split a string into its statements. Sent in one piece, they take effect together
        # even in a migration that is not atomic.
        super().__init__(
            sql=[(_CHECKOUT / self.path).read_text(encoding="utf-8")],
            reverse_sql=reverse_sql if isinstance(reverse_sql, str) else list(reverse_sql),
        )

    def describe(self) -> str:
        return f"Apply {self.path}"


class AppliedAnew(RunSQL):
    """Apply all files of `<room>/sql` again, after a change that is the same in all of them.

    Args:
        now: makes of a file's name and text what is applied: the text, after what has to be taken away.
        former: makes of that what it was before the change, which is what the reverse applies.
        later: the text at the time of the files that later migrations apply, by name; None if they are new there.
    """

    def __init__(
        self,
        room: str,
        *,
        now: Callable[[str, str], str],
        former: Callable[[str], str],
        later: Mapping[str, str | None] | None = None,
    ) -> None:
        self.room = room
        files = sorted((_CHECKOUT / room / "sql").glob("*.sql"))
        there = {file.stem: file.read_text(encoding="utf-8") for file in files} | dict(later or {})
        texts = [now(name, text) for name, text in there.items() if text is not None]
        super().__init__(sql=[*texts], reverse_sql=[former(text) for text in texts])

    def describe(self) -> str:
        return f"Apply {self.room}/sql anew"


def digest_of(text: str) -> str:
    """The digest of a file's statements. Comments count in a function's body only, where the database keeps them."""
    statements = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("--"))
    return hashlib.sha256(statements.encode()).hexdigest()[:12]

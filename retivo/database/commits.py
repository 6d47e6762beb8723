"""Which transaction wrote a row, for readers that come back for what is new.

Times do not tell what is new: of two transactions, the one that began first may commit last, and whoever has read up to
the second's time then never sees the first. A column whose default is `CommitPosition` holds its transaction's number
instead, and a `Snapshot` says which numbers were committed at a moment.

Transaction numbers belong to a cluster, and a dump may be restored in another one, whose numbers are lower. Therefore a
position begins with the number of an era, the sequence `commit_era`. `migrate` begins another era when it finds the
database in another cluster, or on another timeline of it, than the last time: whatever is written then comes behind all
that readers have seen, even behind what was lost.
"""

import re
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection as runtime
from django.db.models import BigIntegerField, Func
from psycopg import sql


class CommitPosition(Func):
    """A column default: the position of the transaction that inserts the row."""

    function = "commit_position"

    def __init__(self, **extra: Any) -> None:
        super().__init__(output_field=BigIntegerField(), **extra)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Which positions were visible at a moment: those below `end`, but for `open`, which are sorted."""

    end: int
    open: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.end}:{','.join(str(self.end - each) for each in self.open)}"

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Raises ValueError for what is no snapshot."""
        if not _SNAPSHOT(text) or int(text.partition(":")[0]) >= 2**63:
            raise ValueError("no snapshot")
        end, _, behind = text.partition(":")
        return cls(end=int(end), open=tuple(int(end) - int(each) for each in behind.split(",") if each))

    def condition(self, name: str) -> str:
        """SQL for whether `t.position` was visible, by the parameters of `parameters`."""
        return f"t.position < %({name}_end)s AND t.position <> ALL(%({name}_open)s::bigint[])"

    def new_since(self, before: "Snapshot") -> list[tuple[int, int]]:
        """The positions that may be visible here and were not visible in `before`.

        As ranges in their order, each with its first position and the one behind its last.
        """
        ranges = [(each, each + 1) for each in before.open if each not in self.open]
        return ranges + [(before.end, self.end)] * (before.end < self.end)

    def parameters(self, name: str) -> dict[str, Any]:
        return {f"{name}_end": self.end, f"{name}_open": list(self.open)}


def snapshot() -> Snapshot:
    """What is visible now, or less: with more than `_MOST_OPEN` open transactions, what began before the next of them.

    So a snapshot has a bounded length. What it leaves out is visible in a later one.
    """
    with runtime.cursor() as cursor:
        cursor.execute("SELECT last_value << 48, pg_current_snapshot()::text FROM commit_era")
        era, found = cursor.fetchone()
    _, end, numbers = found.split(":")
    still_open = sorted(era + int(number) for number in numbers.split(",") if number)
    if len(still_open) > _MOST_OPEN:
        return Snapshot(end=still_open[_MOST_OPEN], open=tuple(still_open[:_MOST_OPEN]))
    return Snapshot(end=era + int(end), open=tuple(still_open))


_MOST_OPEN = 100
_BELOW = r"[1-9]\d{0,18}"
_SNAPSHOT = re.compile(rf"\d{{1,19}}:({_BELOW}(,{_BELOW}){{0,{_MOST_OPEN - 1}}})?", re.ASCII).fullmatch


def keep_era(connection: psycopg.Connection[Any]) -> bool:
    """Begin another era if the database was moved, and return whether it did. `connection` is the owner's."""
    with connection.transaction():
        row = connection.execute(_FIND_HOME).fetchone()
        if row is None or row[0] == row[1]:
            return False
        before, home = row
        if before is not None:
            # A row of this era that is not committed yet would be behind the first of the next.
            for (table,) in connection.execute(_POSITIONED).fetchall():
                connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(table)))
            connection.execute("SELECT setval('commit_era', last_value + 1) FROM commit_era")
        connection.execute(sql.SQL("COMMENT ON SEQUENCE commit_era IS {}").format(sql.Literal(home)))
        return before is not None


# Where the era began, which a dump contains, and where the database is.
_FIND_HOME = """
    SELECT obj_description(era, 'pg_class'), concat('cluster ', c.system_identifier, ', timeline ', p.timeline_id)
    FROM to_regclass('commit_era') AS era, pg_control_system() c, pg_control_checkpoint() p WHERE era IS NOT NULL
"""

_POSITIONED = """
    SELECT c.relname FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
    WHERE c.relnamespace = 'public'::regnamespace AND pg_get_expr(d.adbin, d.adrelid) = 'commit_position()' ORDER BY 1
"""

"""Pages of a tenant's rows whose cost has a bound, however many rows there are and however few of them match.

A list is read in the order of an index. Filters are of two kinds. `ranges` are served by that index: each is a stretch
of it in the list's order. `remaining` filters are served by none, so at most `LOOK` rows are looked at for a page. A
page that finds too few among them is short, or empty, and `next_cursor` goes on behind the last row looked at. A
page that reaches its bound in bytes (`retivo.api.pagination.bounded`) ends there. `total` counts among the first `LOOK`
rows of the list, too; it is exact where the list ends before that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection

from retivo.api.pagination import ADDED, Cursor, bounded

LOOK = 10_000

# For the rest of the transaction. Whatever PostgreSQL estimates of a tenant's rows, it must not collect and sort all of
# them, or have workers read ahead: a plan that is kept for every tenant goes by an average, and a new table has no
# statistics.
_NODES = ("sort", "bitmapscan", "seqscan", "gathermerge")
IN_ORDER = "SELECT " + ", ".join(f"set_config('enable_{node}', 'off', true)" for node in _NODES)
IN_ANY_ORDER = IN_ORDER.replace("'off'", "'on'")

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    """A stretch of a list. `total` is a lower bound unless `total_is_exact`."""

    rows: list[Row]
    total: int
    total_is_exact: bool
    next_cursor: str | None

    def named(self, rows: str) -> dict[str, Any]:
        """As an answer has it, the rows under their own name."""
        return {
            rows: self.rows,
            "total": self.total,
            "total_is_exact": self.total_is_exact,
            "next_cursor": self.next_cursor,
        }


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[Row]):
    """A list of the rows of `table`, called `t` in all that is SQL here.

    Args:
        columns: what the statement selects of a row.
        read: makes a row of them.
        order: two columns, a time and an id, that an index has in this order behind the tenant.
        joined: what each row of a page is joined with; must neither add nor drop rows.
        indexed: the columns with which another index begins, behind the tenant; what it finds is few rows, or in order.
    """

    table: str
    columns: str
    read: Callable[[Any], Row]
    order: tuple[str, str] = ("created_at", "id")
    descending: bool = False
    joined: str = ""
    indexed: frozenset[str] = frozenset({"id", "user_id"})

    def page(
        self,
        *,
        tenant_id: UUID,
        limit: int,
        after: Cursor | None = None,
        where: Mapping[str, Any] = MappingProxyType({}),
        ranges: Sequence[str] = ("true",),
        remaining: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        source: str | None = None,
    ) -> Page[Row]:
        """The rows in one of `ranges` for which all of `remaining` and `where` hold.

        Args:
            where: values that columns have.
            ranges: conditions of which no two hold for the same row.
            parameters: what the conditions name.
            source: what to read instead of the whole table; as few rows as are read at once anyway.
        """
        source = source or self.table
        asked: dict[str, Any] = {"tenant_id": tenant_id, **where, **(parameters or {}), "limit": limit + 1}
        # By a range rather than an equality, and first in the order: then no other index has this order, and PostgreSQL
        # takes the one by which the rows are found, whatever it estimates. A cursor replaces the range's beginning: of
        # two conditions that begin a range of an index, it may start at the wider one.
        found_by = [name for name in where if name in self.indexed]
        begins, ends, behind = ("<=", ">=", "<") if self.descending else (">=", "<=", ">")
        ranges = [" AND ".join([each, *(f"t.{name} {ends} %({name})s" for name in found_by)]) for each in ranges]
        beginning = beyond = " AND ".join(f"t.{name} {begins} %({name})s" for name in found_by) or "true"
        remaining = [*remaining, *(f"t.{name} = %({name})s" for name in where if name not in found_by)]
        time, row_id = self.order
        order = list(dict.fromkeys([*found_by, time, row_id]))
        if after is not None:
            last_row = {time: after.created_at, row_id: after.id, **where}
            beyond = f"({_of_row(order)}) {behind} ({', '.join(f'%(last_{name})s' for name in order)})"
            asked |= {f"last_{name}": last_row[name] for name in order}
        matching = " AND ".join(remaining) or "true"
        with connection.cursor() as cursor:
            cursor.execute(IN_ORDER)
            look = self._look(source, "*", ranges, beyond, order)
            statement = (
                f"SELECT {_of_row(self.order)}, {self.columns} FROM ({look} LIMIT {LOOK}) t {self.joined}"
                f" WHERE {matching} {self._ordered(order)} LIMIT %(limit)s"
            )
            cursor.execute(bounded(statement), asked)
            fitting = cursor.fetchall()
            page = [row[:-ADDED] for row in fitting[:limit]]
            last = page[-1][:2] if page and fitting[0][-1] > len(page) else None
            if last is None and remaining:
                look = self._look(source, _of_row(order), ranges, beyond, order)
                cursor.execute(f"SELECT {_of_row(self.order)} FROM ({look} OFFSET {LOOK - 1} LIMIT 1) t", asked)
                last = cursor.fetchone()
            rows = [self.read(row[2:]) for row in page]
            if after is None and last is None:
                total, looked = len(rows), 0
            else:
                look = self._look(source, "*", ranges, beginning, order)
                cursor.execute(
                    f"SELECT count(*) FILTER (WHERE {matching}), count(*) FROM ({look} LIMIT {LOOK}) t", asked
                )
                total, looked = cursor.fetchone()
        next_cursor = None if last is None else str(Cursor(*last))
        return Page(rows=rows, total=total, total_is_exact=looked < LOOK, next_cursor=next_cursor)

    def _look(self, source: str, columns: str, ranges: Sequence[str], beyond: str, order: Sequence[str]) -> str:
        """The rows of all ranges in order. Each range is in order, so PostgreSQL merges them as it reads them."""
        stretches = (
            f"(SELECT {columns} FROM {source} t WHERE t.tenant_id = %(tenant_id)s AND {each} AND {beyond}"
            f" {self._ordered(order)} LIMIT {LOOK})"
            for each in ranges
        )
        return f"SELECT * FROM ({' UNION ALL '.join(stretches)}) t {self._ordered(order)}"

    def _ordered(self, order: Sequence[str]) -> str:
        direction = " DESC" if self.descending else ""
        return f"ORDER BY {', '.join(f't.{name}{direction}' for name in order)}"


def _of_row(names: Sequence[str]) -> str:
    return ", ".join(f"t.{name}" for name in names)

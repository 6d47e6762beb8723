"""How much of the database a statement reads: blocks and rows, which do not depend on what else the machine does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection


class Read(NamedTuple):
    """`rows` are those of the whole plan that were read from tables and indexes, `unequal` pairs that joins dropped."""

    buffers: int
    rows: int
    unequal: int
    sql: str


@contextmanager
def reads() -> Iterator[list[Read]]:
    """Explains each query of the block on its own connection and role, and then runs it."""
    seen: list[Read] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip(" \n(").startswith(("SELECT", "WITH")):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
                found = cursor.fetchone()[0]
            ((plan,),) = [(found if isinstance(found, list) else json.loads(found))]
            top = plan["Plan"]
            buffers = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
            seen.append(Read(buffers, _scanned(top), _unequal(top), sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield seen


def _scanned(plan: dict[str, Any]) -> int:
    below = sum(_scanned(each) for each in plan.get("Plans", []))
    if "Scan" not in plan["Node Type"] or plan["Node Type"] in ("Subquery Scan", "CTE Scan", "Function Scan"):
        return below
    dropped = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + int((plan["Actual Rows"] + dropped) * plan["Actual Loops"])


def _unequal(plan: dict[str, Any]) -> int:
    below = sum(_unequal(each) for each in plan.get("Plans", []))
    return below + int(plan.get("Rows Removed by Join Filter", 0) * plan["Actual Loops"])

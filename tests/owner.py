"""The database as its owner sees it: all tenants' rows, and whatever is not granted to the runtime role."""

import time
from contextlib import AbstractContextManager
from typing import Any

from django.db import connections


def owner_cursor() -> AbstractContextManager[Any]:
    return connections["owner"].cursor()


def as_owner(sql: str, *positional: Any, **named: Any) -> list[Any]:
    """The rows of a statement, whose parameters are either all positional or all named."""
    with owner_cursor() as cursor:
        cursor.execute(sql, positional or named or None)
        return list(cursor.fetchall()) if cursor.description else []


def wait_for_commits() -> None:
    """Until all transactions that have begun are over, also those of other tests: what is read in the order of commits
    is all there then.
    """
    ((begun,),) = as_owner("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    deadline = time.monotonic() + 120
    while as_owner("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint < %s", begun) == [(True,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)

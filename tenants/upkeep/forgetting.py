"""Rows past their time go oldest first, in batches of a transaction each: none is long, and any may be killed.

Who begins anew finds what is left. Rows that another transaction holds are passed over, for the next night.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tenants.context import tenant_context

BATCH = 2000  # rows a transaction

# How many rows went of those from a time on, and the time of the newest of them.
Step = Callable[[datetime], tuple[int, datetime]]


def oldest_first(step: Step, *, tenant_id: UUID, batch: int) -> int:
    """Take the step until it finds less than a batch; how many rows went.

    Each goes on where the one before ended: what stays is not read again, nor what is already dead.
    """
    total, after = 0, datetime.min.replace(tzinfo=UTC)
    while True:
        with tenant_context(tenant_id):
            gone, newest = step(after)
        total += gone
        if gone < batch:
            return total
        after = newest


def by(statement: str, **parameters: Any) -> Step:
    """The step that a statement of the parameters and `after` does and answers."""

    def step(after: datetime) -> tuple[int, datetime]:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**parameters, "after": after})
            gone, newest = cursor.fetchone()
        return gone, newest

    return step


def by_function(name: str) -> None:
    """Have a function of the database delete rows of all tenants, a batch a transaction, until it finds none."""
    gone = True
    while gone:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {name}()")
            gone = bool(cursor.fetchone()[0])

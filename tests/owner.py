"""The database as its owner sees it: all tenants' rows, and whatever is not granted to the runtime role."""

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

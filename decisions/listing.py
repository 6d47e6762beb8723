"""Pages of a tenant's rows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from retivo.api.pagination import Cursor, bounded, cut

Row = TypeVar("Row")

_ADDED = 3  # columns, by `bounded`


def page(
    listing: str,
    *,
    table: str,
    beyond: str,
    tenant_id: UUID,
    where: Mapping[str, Any],
    limit: int,
    after: Cursor | None,
    read: Callable[[Any], Row],
    place: Callable[[Row], tuple[datetime, UUID | str]],
) -> tuple[list[Row], int, str | None]:
    """The rows of a page, how many match on all pages, and the cursor of the next one.

    A filter stands in the statement only if it was sent, so that each plan fits.

    Args:
        listing: the statement, in which `{matching}` is the condition.
        beyond: the condition of what stands after `%(after_time)s` and `%(after_id)s`.
        read: makes a row of what the statement selects.
        place: where a row stands in the list, as `cut` takes it.
    """
    matching = " AND ".join(["t.tenant_id = %(tenant_id)s", *(f"t.{name} = %({name})s" for name in where)])
    parameters: dict[str, Any] = {"tenant_id": tenant_id, **where, "limit": limit + 1}
    on_page = matching
    if after:
        on_page += f" AND {beyond}"
        parameters |= {"after_time": after.created_at, "after_id": after.id}
    with connection.cursor() as cursor:
        cursor.execute(bounded(listing.format(matching=on_page)), parameters)
        fetched = cursor.fetchall()
        found = fetched[0][-1] if fetched else 0
        rows, next_cursor = cut([read(row[:-_ADDED]) for row in fetched], limit, place, found=found)
        if after is None and next_cursor is None:
            return rows, len(rows), None
        cursor.execute(f"SELECT count(*) FROM {table} t WHERE {matching}", parameters)
        (total,) = cursor.fetchone()
    return rows, total, next_cursor

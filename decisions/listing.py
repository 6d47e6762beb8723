"""Pages of a tenant's rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from retivo.api.pagination import Cursor


def page(
    listing: str,
    *,
    table: str,
    beyond: str,
    tenant_id: UUID,
    where: Mapping[str, Any],
    limit: int,
    after: Cursor | None,
) -> tuple[list[Any], int]:
    """At most one row more than `limit`, which tells whether there is a next page, and how many match in all.

    A filter stands in the statement only if it was sent, so that each plan fits.
    """
    matching = " AND ".join(["t.tenant_id = %(tenant_id)s", *(f"t.{name} = %({name})s" for name in where)])
    parameters: dict[str, Any] = {"tenant_id": tenant_id, **where, "limit": limit + 1}
    on_page = matching
    if after:
        on_page += f" AND {beyond}"
        parameters |= {"after_time": after.created_at, "after_id": after.id}
    with connection.cursor() as cursor:
        cursor.execute(listing.format(matching=on_page), parameters)
        rows = cursor.fetchall()
        if after is None and len(rows) <= limit:
            return rows, len(rows)
        cursor.execute(f"SELECT count(*) FROM {table} t WHERE {matching}", parameters)
        (total,) = cursor.fetchone()
    return rows, total

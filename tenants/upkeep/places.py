"""Where the work of a round stopped for a tenant whose turn was over, so that the next one goes on there.

A row stands for work that is unfinished: there is none of a tenant that is done. A round that is killed leaves the row
as it was at the end of the turn before, and what was done since is done again.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from retivo.api.json import encode
from tenants.context import upkeep_context


def find(*, tenant_id: UUID, work: str) -> Any:
    """Where the work stopped, as `keep` was given it; None where it is to begin anew. In the tenant's context."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"tenant_id": tenant_id, "work": work})
        row = cursor.fetchone()
    return row and msgspec.json.decode(row[0])


def keep(*, tenant_id: UUID, work: str, place: Any) -> None:
    """Note where the work stopped, as JSON; None where it is done. In the tenant's context."""
    parameters: dict[str, Any] = {"tenant_id": tenant_id, "work": work, "place": encode(place).decode()}
    with connection.cursor() as cursor:
        cursor.execute(_FORGET if place is None else _KEEP, parameters)


def unfinished_last(work: str, tenants: Collection[UUID]) -> list[UUID]:
    """The tenants in their order, behind them those whose work is unfinished: who has waited longest first."""
    with upkeep_context(), connection.cursor() as cursor:
        cursor.execute(_UNFINISHED, {"work": work})
        unfinished = [tenant_id for (tenant_id,) in cursor.fetchall()]
    asked, behind = set(tenants), set(unfinished)
    return [each for each in tenants if each not in behind] + [each for each in unfinished if each in asked]


_FIND = "SELECT place::text FROM tenants_place WHERE tenant_id = %(tenant_id)s AND work = %(work)s"

_KEEP = """
    INSERT INTO tenants_place (tenant_id, work, place, stopped_at)
    VALUES (%(tenant_id)s, %(work)s, %(place)s::jsonb, clock_timestamp())
    ON CONFLICT (tenant_id, work) DO UPDATE SET place = excluded.place, stopped_at = excluded.stopped_at
"""

_FORGET = "DELETE FROM tenants_place WHERE tenant_id = %(tenant_id)s AND work = %(work)s"

_UNFINISHED = "SELECT tenant_id FROM tenants_place WHERE work = %(work)s ORDER BY stopped_at"

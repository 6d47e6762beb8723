"""What became of a tenant's events. Runs in the tenant's context.

Both lists are read from the end of an index by the time of receipt. No more than `retivo.api.listing.LOOK` rows are
looked at for a page, however many there are and however few of them match.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events.ingestion.rejections import DAYS_SHOWN
from retivo.api.listing import IN_ORDER, LOOK, Listing
from retivo.api.pagination import Cursor
from tenants.config import RETENTION_DAYS


class StoredEvent(msgspec.Struct):
    user_id: str
    event: str
    original_event: str | None
    source: str
    timestamp: datetime
    received_at: datetime
    properties: msgspec.Raw


class RejectedEvent(msgspec.Struct):
    rejected_at: datetime
    source: str
    request_id: str
    index: int
    code: str
    field: str | None
    detail: str
    user_id: str | None
    event: str | None


def list_events(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Cursor | None = None
) -> dict[str, Any]:
    """A page of the stored events, received last first.

    Args:
        where: `user_id`, `name` and `since`, which all hold.
    """
    asked = {"tenant_id": tenant_id, **where}
    remaining = ["t.name = %(name)s"] if "name" in where else []
    months = _few_months(asked, limit=limit, after=after) if "user_id" in where else None
    if "user_id" in where and months is None:
        remaining.append("t.user_id = %(user_id)s")
    page = _EVENTS.page(
        tenant_id=tenant_id,
        limit=limit,
        after=after,
        ranges=["t.received_at >= %(since)s" if "since" in where else "true"],
        remaining=remaining,
        parameters={**where, "first_month": months and months.first, "last_month": months and months.last},
        source=_OF_USER if months else None,
    )
    if months and months.goes_on and page.next_cursor is None:
        beginning = Cursor(datetime.combine(months.first, time(), UTC), _BEGINNING)
        page = replace(page, total_is_exact=False, next_cursor=str(beginning))
    return page.named("events")


def list_rejected(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Cursor | None = None
) -> dict[str, Any]:
    """A page of the rejected events of the last `DAYS_SHOWN` days, newest first.

    Args:
        where: `source`, `code`, `user_id` and `since`, which all hold.
    """
    equal = {name: value for name, value in where.items() if name != "since"}
    since = max(datetime.now(UTC) - timedelta(days=DAYS_SHOWN), where.get("since", datetime.min.replace(tzinfo=UTC)))
    page = _REJECTED.page(
        tenant_id=tenant_id,
        limit=limit,
        after=after,
        where=equal,
        ranges=["t.rejected_at >= %(since)s"],
        parameters={"since": since},
    )
    return page.named("rejected")


@dataclass(frozen=True, kw_only=True)
class _Months:
    """Months whose events of one user are few enough to be read at once. `goes_on` where there may be more before."""

    first: date
    last: date
    goes_on: bool


def _few_months(asked: Mapping[str, Any], *, limit: int, after: Cursor | None) -> _Months | None:
    """The last months of one user up to `after`, as many as a page needs and `LOOK` allows; None if one is too much.

    The index that has the user has no time, so what is found by it is read as a whole.
    """
    end = tomorrow = datetime.now(UTC) + timedelta(days=1)
    if after:  # a cursor may be made up
        end = min(max(after.created_at, datetime(1970, 1, 1, tzinfo=UTC)), tomorrow)
        end -= timedelta(microseconds=after.id == _BEGINNING)
    months = _months_until(end)
    last, first = months[0], months[-1]
    with connection.cursor() as cursor:
        cursor.execute(IN_ORDER)  # a bitmap would have all that a month holds, whatever the limit
        if _count(cursor, asked, first, last) <= LOOK:
            return _Months(first=first, last=last, goes_on=False)
        found, first_found = 0, date.max
        for month in months:
            found += _count(cursor, asked, month, month)
            if found > LOOK:
                break
            first_found = month
            if found > limit:
                break
    return _Months(first=first_found, last=last, goes_on=True) if first_found < date.max else None


def _count(cursor: Any, asked: Mapping[str, Any], first: date, last: date) -> int:
    cursor.execute(_COUNT, {**asked, "first_month": first, "last_month": last, "most": LOOK + 1})
    count: int = cursor.fetchone()[0]
    return count


def _months_until(end: datetime) -> list[date]:
    """The first days of the months in which an event may have been received that is kept, the last one first."""
    last = end.year * 12 + end.month - 1
    kept = max(RETENTION_DAYS) // 28 + 2
    return [date(month // 12, month % 12 + 1, 1) for month in range(last, last - kept, -1)]


def _stored(row: Any) -> StoredEvent:
    columns: list[Any] = [*row[:-1], msgspec.Raw(row[-1])]
    return StoredEvent(*columns)


# True of all events, and what lets PostgreSQL use the index by the time of receipt.
_BY_RECEIPT = "retention_days > 0"

_EVENTS: Listing[StoredEvent] = Listing(
    table=f"(SELECT e.*, e.ctid AS address FROM events_event e WHERE e.{_BY_RECEIPT})",
    columns="t.user_id, t.name, t.original_name, t.source, t.timestamp, t.received_at, t.properties::text",
    read=_stored,
    order=("received_at", "address"),
    descending=True,
)

_REJECTED: Listing[RejectedEvent] = Listing(
    table="events_rejection",
    columns=", ".join(f"t.{name}" for name in RejectedEvent.__struct_fields__),
    read=lambda row: RejectedEvent(*row),
    order=("rejected_at", "id"),
    descending=True,
    indexed=frozenset(),
)

_USERS_IN_MONTHS = """
    e.tenant_id = %(tenant_id)s AND e.user_id = %(user_id)s AND e.month BETWEEN %(first_month)s AND %(last_month)s
"""

# Before all addresses: with the first moment of a month it is where the months before begin.
_BEGINNING = "(0,0)"

# OFFSET 0 keeps ORDER BY and LIMIT out, for whose sake a plan would walk all events until enough have matched.
_OF_USER = f"(SELECT e.*, e.ctid AS address FROM events_event e WHERE {_USERS_IN_MONTHS} OFFSET 0)"

_COUNT = f"SELECT count(*) FROM (SELECT FROM events_event e WHERE {_USERS_IN_MONTHS} LIMIT %(most)s) AS looked_at"

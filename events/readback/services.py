"""What became of a tenant's events. Runs in the tenant's context.

The list is read from the end of an index by the time of receipt. No more than `retivo.api.listing.LOOK` rows are
looked at for a page, however many there are and however few of them match.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from events.ingestion.rejections import DAYS_SHOWN
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor


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

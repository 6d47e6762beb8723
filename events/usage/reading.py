"""A partner reads what its customers used, by day or month. In the partner's tenant context.

The database's functions return the numbers, for a partner cannot read its customers' rows.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events import metering
from events.models import UsageUnit
from events.usage.counting import METRICS
from retivo.api.listing import LOOK
from retivo.api.pagination import Cursor
from tenants.context import Context

BATCH = 1000  # rows that are read at once for a stream


class UsageCursor(Cursor):
    """The last row of the page before: the customer's place in the list of customers, and the row's among its own."""

    @staticmethod
    def read_id(text: str) -> str:
        tenant_id, starts_on, correction = text.split("/")
        if not 0 <= int(correction) < 2**15:
            raise ValueError("no smallint")
        return f"{UUID(tenant_id)}/{date.fromisoformat(starts_on)}/{int(correction)}"


class Row(msgspec.Struct):
    """What a customer used in a period. A correction tells what was found on a day after the period was closed."""

    tenant_id: UUID
    external_id: str | None
    period: str
    corrected_on: date | None
    final: bool
    counted_at: datetime
    metrics: dict[str, int | Decimal]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which rows: of one customer or of all, from the first day to the last, both of the present month where None."""

    unit: UsageUnit
    first: date | None
    last: date | None
    customer_id: UUID | None
    metrics: tuple[str, ...] = METRICS

    @property
    def parameters(self) -> dict[str, Any]:
        return {"unit": self.unit.value, "first": self.first, "last": self.last, "customer": self.customer_id}


def page(*, asked: Asked, limit: int, after: Cursor | None) -> dict[str, Any]:
    """A page of rows, by the customers' age and then by time; `total` is that of all pages, of up to `LOOK` rows."""
    rows, following = _read(asked, limit, after)
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL, asked.parameters)
        (total,) = cursor.fetchone()
    return {
        "rows": rows,
        "total": total,
        "total_is_exact": total < LOOK,
        "next_cursor": following and str(following),
    }


def stream(*, asked: Asked, context: Context) -> Iterator[list[Row]]:
    """All rows, a batch at a time, each in a transaction of its own: who reads them may take their time."""
    after: Cursor | None = None
    while True:
        with context():
            rows, after = _read(asked, BATCH, after)
        if rows:
            yield rows
        if after is None:
            return


def whole_month(day: date) -> date:
    """The last day of the day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def _read(asked: Asked, limit: int, after: Cursor | None) -> tuple[list[Row], Cursor | None]:
    tenant_id, starts_on, correction = str(after.id).split("/") if after else (None, None, None)
    parameters = asked.parameters | {
        "after_created_at": after and after.created_at,
        "after_tenant": tenant_id,
        "after_start": starts_on,
        "after_correction": correction,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, parameters)
        found = cursor.fetchall()
    following = None
    if len(found) > limit:
        created_at, tenant_id, _, starts_on, correction = found[limit - 1][:5]
        following = Cursor(created_at, f"{tenant_id}/{starts_on}/{correction}")
    return [_row(asked, *row[1:]) for row in found[:limit]], following


def _row(asked: Asked, tenant_id: UUID, external_id: str | None, starts_on: date, correction: int, *more: Any) -> Row:
    *numbers, counted_at, closed_at = more
    found = dict(zip(METRICS, numbers, strict=True))
    return Row(
        tenant_id=tenant_id,
        external_id=external_id,
        period=metering.named(starts_on) if asked.unit == UsageUnit.MONTH else starts_on.isoformat(),
        corrected_on=whole_month(starts_on) + timedelta(days=1 + correction) if correction else None,
        final=closed_at is not None,
        counted_at=counted_at,
        metrics={name: found[name] for name in asked.metrics},
    )


_ASKED = f"""
    %(unit)s, coalesce(%(first)s::date, {metering.THIS_MONTH}),
    coalesce(%(last)s::date, ({metering.THIS_MONTH} + interval '1 month')::date - 1), %(customer)s::uuid
"""

_ROWS = f"""
    SELECT created_at, tenant_id, external_id, starts_on, correction, {", ".join(METRICS)}, counted_at, closed_at
    FROM usage_of_periods(
        {_ASKED}, %(after_created_at)s::timestamptz, %(after_tenant)s::uuid, %(after_start)s::date,
        %(after_correction)s::int, %(limit)s::int
    )
"""  # noqa: S608 - of our own names

_TOTAL = f"SELECT usage_periods({_ASKED})"

"""What a month's use adds up to: as its tenant, its partner and staff see it."""

from datetime import date
from uuid import UUID

import msgspec
from django.db import connection

# The first day of this month, in SQL: events are counted by the database's clock, so nobody's use is told by another.
THIS_MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"

# That of the parameter `month`, if there is one.
MONTH = f"coalesce(%(month)s::date, {THIS_MONTH})"


class Usage(msgspec.Struct):
    """Numbers of one tenant and one month (UTC, by the time of receipt; imports by that of the event), exact."""

    month: str
    active_users: int
    limit: int
    events: int


def named(month: date) -> str:
    """As the API writes a month."""
    return f"{month:%Y-%m}"


def usage(*, tenant_id: UUID, limit: int, month: date | None = None) -> Usage:
    """A tenant's use of a month, as far as the context sees its rows: a partner's sees none of its customers'.

    Args:
        month: its first day; the present one where None.
    """
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, {"tenant_id": tenant_id, "month": month})
        month, active_users, events = cursor.fetchone()
    return Usage(month=named(month), active_users=active_users, limit=limit, events=events)


_USAGE = f"""
    SELECT this.month, coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
    FROM (SELECT {MONTH}) AS this (month)
    LEFT JOIN events_monthlyusage u ON u.tenant_id = %(tenant_id)s AND u.month = this.month
    GROUP BY this.month
"""  # noqa: S608 - of our own constant

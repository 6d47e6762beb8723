"""What a month's use adds up to: as its tenant, its partner and staff see it."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
from django.db import connection


class Usage(msgspec.Struct):
    """Numbers of one tenant and one month (UTC, by the time of receipt), exact."""

    month: str
    active_users: int
    limit: int
    events: int


def this_month() -> date:
    return datetime.now(UTC).date().replace(day=1)


def named(month: date) -> str:
    """As the API writes a month."""
    return f"{month:%Y-%m}"


def usage(*, tenant_id: UUID, limit: int) -> Usage:
    """This month's use of a tenant, as far as the context sees its rows: a partner's sees none of its customers'."""
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, {"tenant_id": tenant_id})
        month, active_users, events = cursor.fetchone()
    return Usage(month=named(month), active_users=active_users, limit=limit, events=events)


_USAGE = """
    SELECT this.month, coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
    FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date) AS this (month)
    LEFT JOIN events_monthlyusage u ON u.tenant_id = %(tenant_id)s AND u.month = this.month
    GROUP BY this.month
"""

"""Counting what a tenant uses into rows of days and months. In the tenant's context, as a worker.

Nothing is counted where it happens. A round finds how much there is more than at the last count, and adds that in one
transaction, under the lock of the tenant's `UsageCount`: whoever is killed has counted nothing, and two rounds count
one after the other. A month's row and its days' are written by the same statement, so they always add up.

Days are those of the last count or of this one, whichever is nearer to when it happened, where the source only has
months: users and events. A month is closed three days after its end, and what is found later becomes a correction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from events.models import UsageMetric
from retivo.api.json import encode

OPEN_DAYS = 3  # of a month, after its end

METRICS: tuple[str, ...] = tuple(UsageMetric.values)

# The first month that is open, in SQL, as soon as a tenant's months before it are counted and closed.
OPEN_SINCE = f"date_trunc('month', now() AT TIME ZONE 'UTC' - interval '{OPEN_DAYS} days')::date"


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far a tenant is counted.

    `since` is None where months are to be closed, and before the first count: then all months are looked at. `day` is
    the day that is in the middle between the last count and this one.
    """

    since: datetime | None
    day: date
    decisions_position: int
    is_over: bool


def begin(*, tenant_id: UUID) -> Place | None:
    """Lock the tenant's count until the transaction ends. None if there is no such tenant any more."""
    parameters = {"tenant_id": tenant_id}
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, parameters)
        cursor.execute(_LOCK, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    since, day, position, is_over = row
    return Place(since=None if is_over else since, day=day, decisions_position=position, is_over=is_over)


def events_since(*, tenant_id: UUID, place: Place) -> list[dict[str, Any]]:
    """The events and active users of months that have more than was counted, as `finish` takes them."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, {"tenant_id": tenant_id, "since": place.since, "day": place.day})
        return [
            {"day": day, "events": events, "active_users": active_users}
            for day, events, active_users in cursor.fetchall()
        ]


def finish(*, tenant_id: UUID, found: Iterable[Mapping[str, Any]], decisions_position: int, closes: bool) -> None:
    """Add what was found, and note that it is counted.

    Args:
        found: numbers by the names of metrics, each with its `day`.
        decisions_position: decisions up to it are counted.
        closes: all is counted of the months that are over: close them, and corrections of earlier days.
    """
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "found": encode(list(found)).decode(),
        "decisions_position": decisions_position,
        "closes": closes,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, parameters)
        cursor.execute(_NOTE, parameters)
        if closes:
            cursor.execute(_CLOSE, parameters)


# A tenant whose first count this is has had no month before it was made.
_BEGIN = """
    INSERT INTO events_usagecount (tenant_id, closed_through, announced_through)
    SELECT t.id, m.first_day, m.first_day
    FROM tenants_tenant t, LATERAL (SELECT date_trunc('month', t.created_at AT TIME ZONE 'UTC')::date) AS m (first_day)
    WHERE t.id = %(tenant_id)s
    ON CONFLICT (tenant_id) DO NOTHING
"""

_LOCK = f"""
    SELECT counted_at, (coalesce(counted_at + (now() - counted_at) / 2, now()) AT TIME ZONE 'UTC')::date,
        decisions_position, closed_through < {OPEN_SINCE} OR EXISTS (
            SELECT FROM events_usage u WHERE u.tenant_id = c.tenant_id AND u.closed_at IS NULL AND u.correction > 0
              AND (date_trunc('month', u.starts_on) + interval '1 month')::date + u.correction
                  < (now() AT TIME ZONE 'UTC')::date
        )
    FROM events_usagecount c WHERE tenant_id = %(tenant_id)s FOR UPDATE
"""  # noqa: S608 - of our own constant

# A row of usage says to the minute when the transaction began that changed it last, and that may have taken a while.
_EVENTS = """
    WITH counted AS (
        SELECT starts_on AS month, sum(events) AS events, sum(active_users) AS active_users
        FROM events_usage WHERE tenant_id = %(tenant_id)s AND unit = 'month' GROUP BY 1
    ), total AS (
        SELECT month, sum(events) AS events, sum(active_users) AS active_users FROM events_monthlyusage
        WHERE tenant_id = %(tenant_id)s GROUP BY 1
        HAVING %(since)s::timestamptz IS NULL OR max(active_at) > %(since)s::timestamptz - interval '10 minutes'
    )
    SELECT greatest(t.month, least(%(day)s::date, (t.month + interval '1 month')::date - 1)),
        (t.events - coalesce(c.events, 0))::bigint, (t.active_users - coalesce(c.active_users, 0))::bigint
    FROM total t LEFT JOIN counted c ON c.month = t.month
    WHERE (t.events, t.active_users) <> (coalesce(c.events, 0), coalesce(c.active_users, 0))
"""

_SUMS = ", ".join(f"coalesce(sum(f.{name}), 0) AS {name}" for name in METRICS)
_NAMES = ", ".join(METRICS)

# Rows in the order of their key.
_ADD = f"""
    WITH found AS (
        SELECT f.day, date_trunc('month', f.day)::date AS month, {_SUMS}
        FROM jsonb_to_recordset(%(found)s::jsonb) AS f (day date, {", ".join(f"{name} numeric" for name in METRICS)})
        GROUP BY 1
    ), placed AS (
        SELECT f.*, CASE WHEN f.month >= c.closed_through THEN 0
            ELSE (now() AT TIME ZONE 'UTC')::date - (f.month + interval '1 month')::date END AS correction
        FROM found f CROSS JOIN events_usagecount c WHERE c.tenant_id = %(tenant_id)s
    )
    INSERT INTO events_usage AS u (tenant_id, unit, starts_on, correction, {_NAMES}, counted_at)
    SELECT %(tenant_id)s, n.unit, n.starts_on, f.correction, {_SUMS}, now()
    FROM placed f CROSS JOIN LATERAL (VALUES ('day', f.day), ('month', f.month)) AS n (unit, starts_on)
    GROUP BY n.unit, n.starts_on, f.correction ORDER BY 2, 3, 4
    ON CONFLICT (tenant_id, unit, starts_on, correction) DO UPDATE SET
        {", ".join(f"{name} = u.{name} + excluded.{name}" for name in METRICS)}, counted_at = excluded.counted_at
"""  # noqa: S608 - of our own names

_NOTE = """
    UPDATE events_usagecount SET counted_at = now(), decisions_position = %(decisions_position)s
    WHERE tenant_id = %(tenant_id)s
"""

_CLOSE = f"""
    WITH closed AS (
        UPDATE events_usagecount c SET closed_through = greatest(c.closed_through, {OPEN_SINCE}),
            announced_through = CASE t.tenant_role WHEN 'partner' THEN c.announced_through ELSE {OPEN_SINCE} END
        FROM tenants_tenant t WHERE c.tenant_id = %(tenant_id)s AND t.id = c.tenant_id
    )
    UPDATE events_usage SET closed_at = now()
    WHERE tenant_id = %(tenant_id)s AND closed_at IS NULL AND starts_on < {OPEN_SINCE} AND (
        correction = 0
        OR (date_trunc('month', starts_on) + interval '1 month')::date + correction < (now() AT TIME ZONE 'UTC')::date
    )
"""  # noqa: S608 - of our own constant

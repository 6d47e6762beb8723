"""Events of months that are over, as imports bring them: they count in those months, and no limit refuses them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from events.ingestion.batch import Batch, Event
from retivo.api.json import encode

Months = Mapping[int, date]


def months(batch: Batch, this_month: date) -> Months:
    """The first day of the month that each imported event of an earlier month counts in, by its index."""
    found = {}
    for index in batch.imported & batch.events.keys():
        timestamp = batch.events[index].timestamp
        if timestamp is not None and (month := timestamp.date().replace(day=1)) < this_month:
            found[index] = month
    return found


def present_users(events: Mapping[int, Event], past: Months) -> list[str]:
    """Those of events that count this month."""
    return list(dict.fromkeys(event.user_id for index, event in events.items() if index not in past))


def has_uncounted(cursor: Any, events: Mapping[int, Event], past: Months, parameters: Mapping[str, Any]) -> bool:
    """Whether users of `past` have not been counted as active in its months."""
    if not past:
        return False
    cursor.execute(_HAS_UNCOUNTED, {**parameters, "active": _active(events.items(), past)})
    found: bool = cursor.fetchone()[0]
    return found


def lock_usage(cursor: Any, past: Months, parameters: Mapping[str, Any]) -> None:
    """Lock the usage of those months and of the present one, under whose lock users are made."""
    cursor.execute(_LOCK_USAGE, {**parameters, "months": sorted({*past.values(), parameters["month"]})})


def count(cursor: Any, events: Mapping[int, Event], past: Months, parameters: Mapping[str, Any]) -> None:
    """Count the users of `past` as active in its months, and make those that are missing. Their usage is locked."""
    cursor.execute(_COUNT, {**parameters, "active": _active(events.items(), past)})


def _active(events: Iterable[tuple[int, Event]], past: Months) -> str:
    found = {(past[index], event.user_id) for index, event in events if index in past}
    return encode([{"month": month, "user_id": user_id} for month, user_id in sorted(found)]).decode()


_ACTIVE = "jsonb_to_recordset(%(active)s::jsonb) AS p (month date, user_id text)"

_HAS_UNCOUNTED = f"""
    SELECT EXISTS (
        SELECT FROM {_ACTIVE} WHERE (
            SELECT true FROM events_monthlyactivity a
            WHERE a.tenant_id = %(tenant_id)s AND a.month = p.month AND a.user_id = p.user_id LIMIT 1
        ) IS NULL
    )
"""  # noqa: S608 - of our own constant

_LOCK_USAGE = """
    INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
    SELECT %(tenant_id)s, month, 0, 0, 0 FROM unnest(%(months)s::date[]) AS m (month) ORDER BY month
    ON CONFLICT (tenant_id, month, shard) DO UPDATE SET active_users = events_monthlyusage.active_users
"""

_COUNT = f"""
    WITH counted AS (
        INSERT INTO events_monthlyactivity (tenant_id, month, user_id)
        SELECT %(tenant_id)s, month, user_id FROM {_ACTIVE} ORDER BY month, user_id
        ON CONFLICT DO NOTHING RETURNING month
    ), tracked AS (
        INSERT INTO events_trackeduser
            (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage, opted_out)
        SELECT DISTINCT %(tenant_id)s::uuid, user_id, '', '', '', '', '', '{{}}'::jsonb, 'new', false
        FROM {_ACTIVE} ORDER BY user_id
        ON CONFLICT DO NOTHING
    )
    UPDATE events_monthlyusage u SET active_users = u.active_users + c.active_users
    FROM (SELECT month, count(*) AS active_users FROM counted GROUP BY month) c
    WHERE u.tenant_id = %(tenant_id)s AND u.month = c.month AND u.shard = 0
"""  # noqa: S608 - of our own constant

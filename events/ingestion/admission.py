"""Who of a batch is active this month: users who are new are counted, as far as the plan's limit goes."""

from collections.abc import Sequence
from typing import Any

import msgspec

from events.ingestion import past
from events.ingestion.batch import Batch, Event
from events.ingestion.keys import first_of_each, known
from events.ingestion.policy import Policy
from retivo.api.json import encode
from tenants.models import UPGRADE_TO


def admit(
    cursor: Any,
    *,
    batch: Batch,
    events: dict[int, Event],
    new_users: Sequence[str],
    policy: Policy,
    parameters: dict[str, Any],
    months: past.Months,
) -> None:
    """Count this month's new users, and take the events of those above the limit out of `events`.

    Under a lock, so that parallel batches never pass the limit together. A duplicate counts nobody. Users of the events
    of earlier `months` are counted in those.
    """
    new = set(new_users)
    past.lock_usage(cursor, months, parameters)
    keys = [
        event.idempotency_key
        for index, event in events.items()
        if event.idempotency_key and (index in months or event.user_id in new)
    ]
    stored = known(cursor, keys, parameters)
    for index in [index for index, event in events.items() if event.idempotency_key in stored]:
        del events[index]
    # A refused event leaves its key to the next one that has it, whose user may be new, too. Those users of the first
    # events who are not new are counted already.
    asked = set(past.present_users(first_of_each(events), months)) - new
    refused: set[str] = set()
    active_users = 0
    while True:
        left = {index: event for index, event in events.items() if index in months or event.user_id not in refused}
        users = [user for user in past.present_users(first_of_each(left), months) if user not in asked]
        if not users:
            break
        asked |= set(users)
        cursor.execute(_ADMIT, {**parameters, "users": encode(users).decode(), "limit": policy.limit})
        admitted, active_users = cursor.fetchone()
        refused |= set(users) - set(msgspec.json.decode(admitted))
    spent: set[str] = set()
    for index, event in sorted(events.items()):
        if index in months or event.user_id not in refused:
            spent |= {event.idempotency_key} if event.idempotency_key is not None else set()
            continue
        del events[index]
        if event.idempotency_key not in spent:  # else it is a duplicate
            batch.reject(
                index,
                "tracked_user_limit_reached",
                f"This month's limit of {policy.limit} active users is reached.",
                current=active_users,
                limit=policy.limit,
                upgrade_to=UPGRADE_TO[policy.plan_tier],
            )
    if months:
        past.count(cursor, first_of_each(events), months, parameters)


# Its snapshot is taken under the lock: it sees whom the batch before admitted.
_ADMIT = """
    WITH usage AS (
        SELECT active_users FROM events_monthlyusage
        WHERE tenant_id = %(tenant_id)s AND month = %(month)s AND shard = 0
    ), candidate AS (
        SELECT u AS user_id, n, (
            SELECT true FROM events_monthlyactivity a
            WHERE a.tenant_id = %(tenant_id)s AND a.month = %(month)s AND a.user_id = u LIMIT 1
        ) IS NOT NULL AS counted
        FROM jsonb_array_elements_text(%(users)s::jsonb) WITH ORDINALITY AS c (u, n)
    ), admitted AS (
        INSERT INTO events_monthlyactivity (tenant_id, month, user_id)
        SELECT %(tenant_id)s, %(month)s, user_id FROM candidate WHERE NOT counted ORDER BY n
        LIMIT CASE WHEN %(limit)s::int IS NOT NULL
                   THEN greatest(%(limit)s::int - (SELECT active_users FROM usage), 0) END
        RETURNING user_id
    ), active AS (
        SELECT user_id FROM admitted UNION ALL SELECT user_id FROM candidate WHERE counted
    ), tracked AS (
        INSERT INTO events_trackeduser
            (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage, opted_out)
        SELECT %(tenant_id)s, user_id, '', '', '', '', '', '{}', 'new', false FROM active ORDER BY user_id
        ON CONFLICT DO NOTHING
    ), metered AS (
        UPDATE events_monthlyusage SET active_users = active_users + (SELECT count(*) FROM admitted)
        WHERE tenant_id = %(tenant_id)s AND month = %(month)s AND shard = 0
    )
    SELECT (SELECT coalesce(json_agg(user_id), '[]')::text FROM active),
        (SELECT active_users FROM usage) + (SELECT count(*) FROM admitted)
"""

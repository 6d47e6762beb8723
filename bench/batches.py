"""Batches of events as a shop's server sends them, and users to send them for."""

import itertools
import uuid
from collections.abc import Callable, Iterable
from random import Random

from django.db import connections

from bench import load

EVENTS = 100

_EVENT = (
    '{"user_id":"%s","event":"page_viewed","idempotency_key":"%s",'
    '"properties":{"path":"/products/%d","value":%.1f,"campaign":"spring"}}'
)


def rows(users: Iterable[str], keys: Iterable[str]) -> str:
    """100 events as a JSON array."""
    events = (_EVENT % (user, key, n, n * 1.5) for n, (user, key) in enumerate(zip(users, keys, strict=True)))
    return f"[{','.join(events)}]"


def requests(
    key: str, *, users: Callable[[int], Iterable[str]], keys: Callable[[int], Iterable[str]]
) -> Callable[[int], load.Request]:
    """Makes request after request, whatever number it is asked for: no batch is ever sent twice.

    Args:
        key: the API key.
        users: the 100 users of batch n.
        keys: the 100 idempotency keys of batch n.
    """
    numbers = itertools.count()

    def make(_: int) -> load.Request:
        number = next(numbers)
        body = f'{{"events":{rows(users(number), keys(number))}}}'
        return load.request("/api/track", key=key, body=body.encode())

    return make


def in_turn(users: int) -> Callable[[int], list[str]]:
    """One user after the other, from the first again behind the last."""
    return lambda number: [f"u{(number * EVENTS + n) % users}" for n in range(EVENTS)]


def at_random(users: int) -> Callable[[int], list[str]]:
    random = Random(1)
    return lambda _: [f"u{random.randrange(users)}" for _ in range(EVENTS)]


def counting(prefix: str) -> Callable[[int], list[str]]:
    """Keys that count up, as those of one queue do."""
    return lambda number: [f"{prefix}-{number * EVENTS + n:012d}" for n in range(EVENTS)]


def scattered(_: int) -> list[str]:
    """Random keys, as those of many browsers are."""
    return [uuid.uuid4().hex for _ in range(EVENTS)]


def add_users(tenant_id: str, count: int) -> None:
    """`u0` to `u{count - 1}`, already active this month and scored today. Over HTTP a million would take minutes."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_ADD_USERS, {"tenant_id": tenant_id, "count": count})


_ADD_USERS = """
    WITH made AS (
        INSERT INTO events_trackeduser (tenant_id, user_id, traits, lifecycle_stage, opted_out, engagement_score,
                                        last_activity_at, scored_at, counted_month, created_at)
        SELECT %(tenant_id)s, 'u' || n,
               jsonb_build_object('name', 'Name ' || n, 'email', 'u' || n || '@x.example', 'plan', 'pro'), 'active',
               false, random(), now() - interval '1 hour', now(),
               date_trunc('month', now() AT TIME ZONE 'UTC'), now() - n * interval '1 second'
        FROM generate_series(0, %(count)s - 1) n
        RETURNING tenant_id, user_id, counted_month
    ), swept AS (
        INSERT INTO events_scoringsweep (tenant_id, began_at) VALUES (%(tenant_id)s, now())
    ), active AS (
        INSERT INTO events_monthlyactivity (tenant_id, month, user_id)
        SELECT tenant_id, counted_month, user_id FROM made
    )
    INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
    SELECT %(tenant_id)s, date_trunc('month', now() AT TIME ZONE 'UTC'), 0, 0, %(count)s
"""

_EVENT_TABLES = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'events\\_event%'
"""


def stored_bytes() -> int:
    """Of all events and their keys, with their indexes, in whatever partitions they are."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_EVENT_TABLES)
        found: int = cursor.fetchone()[0]
    return found

"""Taking events in. Runs in the tenant's context; one batch is one transaction, and answered after its commit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypedDict
from uuid import UUID

import msgspec
from django.db import connection

from events.ingestion import admission, keys, past, traits
from events.ingestion.batch import Batch, Event, Rejection
from events.ingestion.keys import HASH, IN_RING, first_of_each
from events.ingestion.policy import Mapping, Policy
from events.scoring import services as scoring

# If more users than these are active again, they wait for the job that scores: each costs a quarter of a millisecond.
SCORED_AT_ONCE = 10

_encode = msgspec.json.Encoder().encode


class Outcome(TypedDict):
    """What became of a batch. `accepted`, `duplicates` and the rejections add up to what was sent."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


class _Renamed(Event):
    original_event: str = ""


def track(*, tenant_id: UUID, policy: Policy, batch: Batch, source: str, provider: str | None = None) -> Outcome:
    """Store the batch's events once each, meter their users, and keep the users' last activity and traits.

    Args:
        policy: the tenant's, asked in this transaction.
        source: how the events came, e.g. `track`.
        provider: apply this provider's event mappings alone; all integrations' of the tenant where None.
    """
    sent = len(batch.events)
    events = dict(_renamed(batch.events, policy.mappings_of(provider)))
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        **asdict(policy.moment),
        "source": source,
        "key_scope": keys.scope(source, provider),
        "retention_days": policy.retention_days,
        "scored_at_once": SCORED_AT_ONCE,
    }
    months = past.months(batch, policy.moment.month)
    with connection.cursor() as cursor:
        described = {index: event for index, event in events.items() if traits.brings_traits(event)}
        parameters["brings_traits"] = bool(described)
        store = partial(_store, cursor, parameters=parameters, months=months)
        admit = partial(
            admission.admit, cursor, batch=batch, events=events, policy=policy, parameters=parameters, months=months
        )
        lock = partial(_lock_described, cursor, events, described, parameters, months=months)
        refuse_large = partial(
            _refuse_large, cursor, batch=batch, events=events, described=described, parameters=parameters
        )
        is_uncounted = past.has_uncounted(cursor, events, months, parameters)
        sizes, new_users = ({}, past.present_users(events, months)) if is_uncounted else lock()
        admitted = is_uncounted or bool(new_users)
        if admitted:
            # Before they are counted: a user of whom nothing is stored is not active.
            refuse_large(sizes=_sizes(cursor, described, parameters))
            admit(new_users=new_users)
            sizes, _ = lock(admitted=True)
        refuse_large(sizes=sizes)
        first = first_of_each(events)
        stored = store(first, admitted=admitted)
        if stored.new_users:
            admit(new_users=stored.new_users)
            first = first_of_each(events)
            stored = store(first, admitted=True)
        rows = traits.rows(list(first.values())[index] for index in stored.places)
        if rows:
            cursor.execute(_IDENTIFY, {**parameters, "rows": _json(rows)})
    scoring.score_users(tenant_id=tenant_id, user_ids=stored.unscored, now=policy.moment.now)
    rejected_here = sent - len(batch.events)
    batch.rejected.sort(key=lambda rejection: rejection["index"])
    return Outcome(accepted=stored.count, duplicates=sent - rejected_here - stored.count, rejected=batch.rejected)


def _renamed(events: dict[int, Event], mappings: dict[str, Mapping]) -> dict[int, Event]:
    if not mappings:
        return events
    return {index: _rename(event, mappings.get(event.event)) for index, event in events.items()}


def _rename(event: Event, mapping: Mapping | None) -> Event:
    if mapping is None:
        return event
    return _Renamed(
        user_id=event.user_id,
        event=mapping["to"],
        properties=_renamed_properties(event.properties, mapping.get("properties") or {}),
        timestamp=event.timestamp,
        idempotency_key=event.idempotency_key,
        set=event.set,
        set_once=event.set_once,
        original_event=event.event,
    )


def _renamed_properties(sent: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """What is renamed replaces what was sent under the new name; of two, the first in the order of their own names."""
    kept = {name: value for name, value in sent.items() if name not in names}
    return kept | {names[name]: sent[name] for name in sorted(names, reverse=True) if name in sent}


def _lock_described(
    cursor: Any,
    events: dict[int, Event],
    described: dict[int, Event],
    parameters: dict[str, Any],
    *,
    months: past.Months,
    admitted: bool = False,
) -> tuple[dict[str, int], Sequence[str]]:
    """Lock the users that events say something of; their traits' bytes, and whom the batch has that is new this month.

    Nobody is locked while there are new users: admission comes first in the order of locks, and makes rows to be
    locked, too.
    """
    if not described:
        return {}, ()
    users = {
        "users": _json(past.present_users(events, months)),
        "described": _json([event.user_id for event in described.values()]),
        "admitted": admitted,
    }
    cursor.execute(_LOCK_USERS, parameters | users)
    sizes, new_users = cursor.fetchone()
    return msgspec.json.decode(sizes) if sizes else {}, _list(new_users)


def _sizes(cursor: Any, described: dict[int, Event], parameters: dict[str, Any]) -> dict[str, int]:
    """The bytes of those users' traits, as far as there are such users. Locks none of them."""
    if not described:
        return {}
    cursor.execute(_SIZES, parameters | {"described": _json([event.user_id for event in described.values()])})
    (sizes,) = cursor.fetchone()
    return msgspec.json.decode(sizes) if sizes else {}


def _refuse_large(
    cursor: Any,
    *,
    batch: Batch,
    events: dict[int, Event],
    described: dict[int, Event],
    sizes: dict[str, int],
    parameters: dict[str, Any],
) -> None:
    """Take those out of `events` that say too much of users whose traits have `sizes`."""
    sizes = dict(sizes)
    for event in described.values():
        sizes[event.user_id] = sizes.get(event.user_id, 0) + traits.size(event)
    doubtful = [user_id for user_id, size in sizes.items() if size > traits.MAX_BYTES]
    if not doubtful:
        return
    cursor.execute(_TRAITS, {**parameters, "users": _json(doubtful)})
    found: dict[str, dict[str, Any]] = {user_id: {} for user_id in doubtful}
    found |= {user_id: msgspec.json.decode(text) for user_id, text in cursor.fetchall()}
    for index, event in described.items():
        if event.user_id not in found or index not in events:
            continue
        merged = traits.merged(found[event.user_id], event)
        if traits.too_large(merged, before=found[event.user_id]):
            batch.refused[index] = events.pop(index)
            batch.reject(index, "traits_too_large", f"A user's traits may have at most {traits.MAX_BYTES} bytes.")
        else:
            found[event.user_id] = merged


@dataclass(frozen=True)
class _Stored:
    """How many were, their places if some bring traits, and the users to be scored at once.

    Nothing, where there are new users.
    """

    count: int = 0
    places: Sequence[int] = ()
    unscored: Sequence[str] = ()
    new_users: Sequence[str] = ()


def _store(
    cursor: Any, events: dict[int, Event], *, parameters: dict[str, Any], months: past.Months, admitted: bool
) -> _Stored:
    """`admitted` says that all users have been counted this month; where not, the database looks."""
    if not events:
        return _Stored()
    of_months = [months.get(index) for index in events] if months else []
    sent = {"events": _json(list(events.values())), "months": _json(of_months)}
    cursor.execute(_STORE, {**parameters, **sent, "admitted": admitted})
    count, places, unscored, new_users = cursor.fetchone()
    return _Stored(count, places or (), _list(unscored), _list(new_users))


def _list(text: str | None) -> list[str]:
    return msgspec.json.decode(text, type=list[str]) if text else []


def _json(data: Any) -> str:
    return _encode(data).decode()


# A transaction locks in the order of docs/architecture.md, and so none waits in a circle: the month's usage where users
# are new, the users described by their ids, a row of usage, keys. Other users are only touched where nobody holds them.
_LOCK_USERS = """
    WITH new_user AS MATERIALIZED (
        SELECT DISTINCT user_id FROM jsonb_array_elements_text(%(users)s::jsonb) AS s (user_id)
        WHERE NOT %(admitted)s AND user_id NOT IN (
            SELECT user_id FROM events_trackeduser
            WHERE tenant_id = %(tenant_id)s AND counted_month = %(month)s
              AND user_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%(users)s::jsonb)))
        )
    ), locked AS MATERIALIZED (
        SELECT user_id, octet_length(traits::text) AS size FROM events_trackeduser
        WHERE tenant_id = %(tenant_id)s AND NOT EXISTS (SELECT FROM new_user)
          AND user_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%(described)s::jsonb)))
        ORDER BY user_id FOR NO KEY UPDATE
    )
    SELECT (SELECT json_object_agg(user_id, size)::text FROM locked), (SELECT json_agg(user_id)::text FROM new_user)
"""

_SIZES = """
    SELECT json_object_agg(user_id, octet_length(traits::text))::text FROM events_trackeduser
    WHERE tenant_id = %(tenant_id)s
      AND user_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%(described)s::jsonb)))
"""

_TRAITS = """
    SELECT user_id, traits::text FROM events_trackeduser
    WHERE tenant_id = %(tenant_id)s AND user_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%(users)s::jsonb)))
"""

# Users and keys are looked up by arrays: an index scan for all of them, where a join could read all the tenant's rows.
# Nothing is stored while a user has not been counted this month. A key that another transaction has stored since is an
# error, for ON CONFLICT costs half as much again as the row: the views ask again.
_STORE = f"""
    WITH sent AS MATERIALIZED (
        SELECT n, user_id, event, original_event, coalesce(timestamp, %(now)s) AS timestamp,
            coalesce(properties, '{{}}') AS properties, (%(ring)s || hash)::uuid AS key,
            (%(ring_before)s || hash)::uuid AS key_before, coalesce(past::date, %(month)s) AS counts_in
        FROM ROWS FROM (jsonb_to_recordset(%(events)s::jsonb) AS (
            user_id text, event text, original_event text, timestamp timestamptz, properties jsonb, idempotency_key text
        ), jsonb_array_elements_text(%(months)s::jsonb))
            WITH ORDINALITY AS e (user_id, event, original_event, timestamp, properties, idempotency_key, past, n)
        CROSS JOIN LATERAL (SELECT {HASH.format(key="idempotency_key")} AS hash OFFSET 0) h
    ), counted_user AS MATERIALIZED (
        SELECT user_id, last_activity_at > %(now)s - interval '5 minutes' AS fresh FROM events_trackeduser
        WHERE tenant_id = %(tenant_id)s AND user_id = ANY(ARRAY(SELECT user_id FROM sent))
          AND counted_month = %(month)s
    ), new_user AS MATERIALIZED (
        SELECT DISTINCT user_id FROM sent
        WHERE NOT %(admitted)s AND counts_in = %(month)s AND user_id NOT IN (SELECT user_id FROM counted_user)
    ), known_key AS MATERIALIZED (
        SELECT key FROM events_storedkey WHERE key = ANY(ARRAY(SELECT key FROM sent)) AND {IN_RING.format(ring="ring")}
        UNION ALL
        SELECT key FROM events_storedkey
        WHERE key = ANY(ARRAY(SELECT key_before FROM sent)) AND {IN_RING.format(ring="ring_before")}
    ), stored AS MATERIALIZED (
        SELECT * FROM sent WHERE NOT EXISTS (SELECT FROM new_user) AND (
            key IS NULL OR key NOT IN (SELECT key FROM known_key) AND key_before NOT IN (SELECT key FROM known_key)
        )
    ), key AS (
        INSERT INTO events_storedkey (tenant_id, key)
        SELECT %(tenant_id)s, key FROM stored WHERE key IS NOT NULL ORDER BY key
    ), event AS (
        INSERT INTO events_event
            (tenant_id, timestamp, user_id, name, original_name, source, properties, retention_days, month)
        SELECT %(tenant_id)s, timestamp, user_id, event, original_event, %(source)s, properties, %(retention_days)s,
            %(month)s
        FROM stored
    ), touchable AS (
        SELECT user_id FROM events_trackeduser
        WHERE tenant_id = %(tenant_id)s AND NOT EXISTS (SELECT FROM new_user) AND user_id = ANY(ARRAY(
            SELECT user_id FROM sent WHERE user_id NOT IN (SELECT user_id FROM counted_user WHERE fresh)
        ))
        FOR NO KEY UPDATE SKIP LOCKED
    ), touched AS (
        UPDATE events_trackeduser u
        SET last_activity_at = greatest(u.last_activity_at, a.latest),
            counted_month = CASE WHEN a.counted THEN %(month)s ELSE u.counted_month END
        FROM (
            SELECT user_id, max(timestamp) FILTER (WHERE event <> '$identify') AS latest,
                bool_or(counts_in = %(month)s) AS counted
            FROM stored JOIN touchable USING (user_id) GROUP BY user_id
        ) a
        WHERE u.tenant_id = %(tenant_id)s AND u.user_id = ANY(ARRAY(SELECT user_id FROM touchable))
          AND u.user_id = a.user_id
        RETURNING u.user_id, ({scoring.RESTS.format(user="u")}) IS TRUE AS rests
    ), metered AS (
        INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
        SELECT %(tenant_id)s, counts_in, coalesce((
            SELECT shard FROM events_monthlyusage WHERE tenant_id = %(tenant_id)s AND month = counts_in AND shard > 0
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        ), 1 + pg_backend_pid() %% 32000), count(*), 0 FROM stored GROUP BY counts_in ORDER BY counts_in
        ON CONFLICT (tenant_id, month, shard) DO UPDATE SET events = events_monthlyusage.events + excluded.events
    )
    SELECT count(*), array_agg(n - 1 ORDER BY n) FILTER (WHERE %(brings_traits)s),
        (SELECT json_agg(user_id) FILTER (WHERE NOT rests)::text FROM touched HAVING count(*) <= %(scored_at_once)s),
        (SELECT json_agg(user_id)::text FROM new_user)
    FROM stored
"""

# Who was described is due for scoring, which reads traits: $identify is no activity that would make it due.
_IDENTIFY = """
    UPDATE events_trackeduser k SET traits = (r.once || k.traits) - r.removed || r.found, scored_at = NULL
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (user_id text, once jsonb, removed text[], found jsonb)
    WHERE k.tenant_id = %(tenant_id)s AND k.user_id = r.user_id
"""

"""Taking events in. Runs in the tenant's context; one batch is one transaction, and answered after its commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypedDict
from uuid import UUID

import msgspec
from django.db import connection

from events.batch import Batch, Event, Rejection
from retivo.api.json import encode

IDENTIFY = "$identify"

# Named traits have a column of their own beside their place in `traits`.
_TEXT_TRAITS = ("name", "email", "company", "role", "locale")

_RING_SECONDS = 2 * 24 * 3600
_BOUNDARY_SECONDS = 60

_encode = msgspec.json.Encoder().encode


class Outcome(TypedDict):
    """What became of a batch. `accepted`, `duplicates` and the rejections add up to what was sent."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


@dataclass(frozen=True)
class _Tenant:
    """What the tenant has to say about a batch."""

    limit: int | None  # None meters without rejecting
    mappings: dict[str, dict[str, Any]]
    known_keys: frozenset[str]
    new_users: frozenset[str]


def track(*, tenant_id: UUID, batch: Batch, now: datetime, source: str, provider: str | None = None) -> Outcome:
    """Store the batch's events once each, meter their users, and keep the users' last activity and traits.

    Args:
        source: how the events came, e.g. `track`.
        provider: apply this provider's event mappings alone; all integrations' of the tenant where None.
    """
    sent = len(batch.events)
    tenant = _ask_tenant(tenant_id, batch, now, provider)
    events = _without_duplicates(batch.events, tenant.known_keys)
    _reject_above_limit(tenant_id, batch, events, tenant, now)
    stored = _store(tenant_id, events, tenant.mappings, now, source) if events else 0
    _identify(tenant_id, events.values())
    rejected_here = sent - len(batch.events)
    batch.rejected.sort(key=lambda rejection: rejection["index"])
    return Outcome(accepted=stored, duplicates=sent - rejected_here - stored, rejected=batch.rejected)


def _ask_tenant(tenant_id: UUID, batch: Batch, now: datetime, provider: str | None) -> _Tenant:
    events = batch.events.values()
    keys = [event.idempotency_key for event in events if event.idempotency_key is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            _ASK,
            {
                "tenant_id": tenant_id,
                "users": encode(list(dict.fromkeys(event.user_id for event in events))).decode(),
                "keys": encode(keys).decode(),
                "rings": [_ring(now), (_ring(now) - 1) % 3],
                "month": _month(now),
                "provider": provider,
            },
        )
        limit, overage, new_users, known_keys, mappings = cursor.fetchone()
    by_name: dict[str, dict[str, Any]] = {}
    for mapping in (item for several in msgspec.json.decode(mappings) for item in several):
        by_name.setdefault(mapping["from"], mapping)  # the integration shared first wins
    return _Tenant(
        limit=None if overage == "allow" else limit,
        mappings=by_name,
        known_keys=frozenset(msgspec.json.decode(known_keys)),
        new_users=frozenset(msgspec.json.decode(new_users)),
    )


def _without_duplicates(events: dict[int, Event], known_keys: frozenset[str]) -> dict[int, Event]:
    seen = set(known_keys)
    fresh = {}
    for index, event in events.items():
        if event.idempotency_key is not None:
            if event.idempotency_key in seen:
                continue
            seen.add(event.idempotency_key)
        fresh[index] = event
    return fresh


def _reject_above_limit(
    tenant_id: UUID, batch: Batch, events: dict[int, Event], tenant: _Tenant, now: datetime
) -> None:
    """Count this month's new users under a lock, so that parallel batches never pass the limit together."""
    candidates = list(dict.fromkeys(event.user_id for event in events.values() if event.user_id in tenant.new_users))
    if not candidates:
        return
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "month": _month(now),
        "users": encode(candidates).decode(),
        "limit": tenant.limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_USAGE, parameters)
        cursor.execute(_ADMIT, parameters)
        admitted = {row[0] for row in cursor.fetchall()}
    refused = set(candidates) - admitted
    for index in [index for index, event in events.items() if event.user_id in refused]:
        del events[index]
        batch.reject(
            index, "tracked_user_limit_reached", f"This month's limit of {tenant.limit} active users is reached."
        )


def _store(
    tenant_id: UUID, events: dict[int, Event], mappings: dict[str, dict[str, Any]], now: datetime, source: str
) -> int:
    """How many were stored: a parallel request may have stored some under the same keys meanwhile."""
    rows = [_row(event, mappings.get(event.event), now) for event in events.values()]
    ring = _ring(now)
    seconds = now.timestamp() % _RING_SECONDS
    rings = [ring]
    # Two requests that run at once across a boundary meet in both rings.
    if seconds < _BOUNDARY_SECONDS:
        rings.append((ring - 1) % 3)
    elif seconds > _RING_SECONDS - _BOUNDARY_SECONDS:
        rings.append((ring + 1) % 3)
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "tenant_id": tenant_id,
                "rows": _encode(rows).decode(),
                "source": source,
                "rings": rings,
                "month": _month(now),
            },
        )
        stored: int = cursor.fetchone()[0]
    return stored


def _row(event: Event, mapping: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    row = {
        "u": event.user_id,
        "e": event.event,
        "t": event.timestamp or now,
        "p": event.properties,
        "k": event.idempotency_key,
    }
    if mapping is not None:
        renamed = mapping.get("properties") or {}
        row["o"], row["e"] = event.event, mapping["to"]
        row["p"] = {renamed.get(name, name): value for name, value in event.properties.items()}
    return row


def _identify(tenant_id: UUID, events: Iterable[Event]) -> None:
    """Merge the traits of `$identify` events into their users', in the order they were sent."""
    traits: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.event == IDENTIFY:
            traits.setdefault(event.user_id, {}).update(event.properties)
    if not traits:
        return
    rows = [{"u": user_id, "traits": found, **_columns(found)} for user_id, found in sorted(traits.items())]
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFY, {"tenant_id": tenant_id, "rows": _encode(rows).decode()})


def _columns(traits: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: traits[name][:255] for name in _TEXT_TRAITS if isinstance(traits.get(name), str)}
    team_size = traits.get("team_size")
    if isinstance(team_size, int) and not isinstance(team_size, bool) and 0 <= team_size < 2**31:
        columns["team_size"] = team_size
    return columns


def _ring(now: datetime) -> int:
    return int(now.timestamp()) // _RING_SECONDS % 3


def _month(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)


# One round trip for all that decides about a batch. The lists come as JSON: to the driver that is one short text.
# `(SELECT … LIMIT 1)` is a look-up in the index for each item; EXISTS could become a join over all the tenant's rows.
_ASK = """
    SELECT t.tracked_user_limit, t.config ->> 'overage',
        (SELECT coalesce(json_agg(u), '[]')::text FROM jsonb_array_elements_text(%(users)s::jsonb) u
          WHERE (SELECT true FROM events_monthlyactivity a
                  WHERE a.tenant_id = %(tenant_id)s AND a.month = %(month)s AND a.user_id = u LIMIT 1) IS NULL),
        (SELECT coalesce(json_agg(k), '[]')::text FROM jsonb_array_elements_text(%(keys)s::jsonb) k
          WHERE (SELECT true FROM events_eventkey e WHERE e.tenant_id = %(tenant_id)s AND e.idempotency_key = k
                    AND e.ring = ANY(%(rings)s::smallint[]) LIMIT 1)),
        (SELECT coalesce(json_agg(i.event_mappings ORDER BY s.id), '[]')::text
           FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
          WHERE s.tenant_id = %(tenant_id)s AND i.active AND i.event_mappings <> '[]'
            AND (%(provider)s::text IS NULL OR i.provider = %(provider)s))
    FROM tenants_tenant t WHERE t.id = %(tenant_id)s
"""

_LOCK_USAGE = """
    INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
    VALUES (%(tenant_id)s, %(month)s, 0, 0, 0)
    ON CONFLICT (tenant_id, month, shard) DO UPDATE SET active_users = events_monthlyusage.active_users
"""

# Its snapshot is taken under the lock: it sees whom the batch before admitted.
_ADMIT = """
    WITH usage AS (
        SELECT active_users FROM events_monthlyusage
        WHERE tenant_id = %(tenant_id)s AND month = %(month)s AND shard = 0
    ), candidate AS (
        SELECT u AS user_id, n, EXISTS (
            SELECT FROM events_monthlyactivity a
            WHERE a.tenant_id = %(tenant_id)s AND a.month = %(month)s AND a.user_id = u
        ) AS counted
        FROM jsonb_array_elements_text(%(users)s::jsonb) WITH ORDINALITY AS c (u, n)
    ), admitted AS (
        INSERT INTO events_monthlyactivity (tenant_id, month, user_id)
        SELECT %(tenant_id)s, %(month)s, user_id FROM candidate WHERE NOT counted ORDER BY n
        LIMIT CASE WHEN %(limit)s::int IS NOT NULL
                   THEN greatest(%(limit)s::int - (SELECT active_users FROM usage), 0) END
        RETURNING user_id
    ), metered AS (
        UPDATE events_monthlyusage SET active_users = active_users + (SELECT count(*) FROM admitted)
        WHERE tenant_id = %(tenant_id)s AND month = %(month)s AND shard = 0
    )
    SELECT user_id FROM admitted UNION ALL SELECT user_id FROM candidate WHERE counted
"""

_STORE = """
    WITH batch AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (u text, e text, o text, t timestamptz, p jsonb, k text)
    ), key AS (
        INSERT INTO events_eventkey (tenant_id, idempotency_key, ring)
        SELECT %(tenant_id)s, k, ring FROM batch, unnest(%(rings)s::smallint[]) AS ring
        WHERE k IS NOT NULL ORDER BY k, ring
        ON CONFLICT DO NOTHING
        RETURNING idempotency_key
    ), fresh AS MATERIALIZED (
        SELECT * FROM batch WHERE k IS NULL OR k IN (
            SELECT idempotency_key FROM key
            GROUP BY idempotency_key HAVING count(*) = cardinality(%(rings)s::smallint[])
        )
    ), event AS (
        INSERT INTO events_event (tenant_id, timestamp, user_id, name, original_name, source, properties)
        SELECT %(tenant_id)s, t, u, e, o, %(source)s, p FROM fresh
    ), activity AS (
        SELECT u, t FROM (SELECT u, max(t) AS t FROM fresh GROUP BY u) f
        WHERE (SELECT t < k.last_activity_at + interval '1 minute' FROM events_trackeduser k
                WHERE k.tenant_id = %(tenant_id)s AND k.user_id = u LIMIT 1) IS NOT TRUE
    ), tracked AS (
        INSERT INTO events_trackeduser
            (tenant_id, user_id, last_activity_at, name, email, company, role, locale, traits, lifecycle_stage,
             opted_out)
        SELECT %(tenant_id)s, u, t, '', '', '', '', '', '{}', 'new', false FROM activity ORDER BY u
        ON CONFLICT (tenant_id, user_id) DO UPDATE
            SET last_activity_at = greatest(events_trackeduser.last_activity_at, excluded.last_activity_at)
    ), metered AS (
        INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
        SELECT %(tenant_id)s, %(month)s, 1 + pg_backend_pid() %% 32, count(*), 0 FROM fresh
        ON CONFLICT (tenant_id, month, shard) DO UPDATE SET events = events_monthlyusage.events + excluded.events
    )
    SELECT count(*) FROM fresh
"""

# Locks in the order of the user ids, as _STORE does: two batches never wait for each other.
_IDENTIFY = """
    WITH row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
            AS r (u text, traits jsonb, name text, email text, company text, role text, locale text, team_size int)
    ), locked AS MATERIALIZED (
        SELECT k.user_id FROM events_trackeduser k
        WHERE k.tenant_id = %(tenant_id)s AND k.user_id IN (SELECT u FROM row) ORDER BY k.user_id FOR UPDATE
    )
    UPDATE events_trackeduser k SET
        traits = k.traits || r.traits,
        name = coalesce(r.name, k.name), email = coalesce(r.email, k.email), company = coalesce(r.company, k.company),
        role = coalesce(r.role, k.role), locale = coalesce(r.locale, k.locale),
        team_size = coalesce(r.team_size, k.team_size)
    FROM row r JOIN locked l ON l.user_id = r.u
    WHERE k.tenant_id = %(tenant_id)s AND k.user_id = r.u
"""

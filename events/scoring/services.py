"""Scoring users in SQL, many in a statement: a few at once as their events come in, a tenant's whole in batches.

What is computed stands in `events.scoring.formulas`. A statement gathers the facts of its users from the events of the
window, scores them, locks those whose scores moved in the order of their ids, as `events.ingestion.services` does, and
writes them and their changes of stage.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from events.scoring import formulas
from retivo.api.json import encode
from tenants.context import tenant_context
from tenants.upkeep import places
from tenants.upkeep.rounds import Turn, TurnOver

_WORK = "score_tenants"
BATCH = 2000
SWEEP_EVERY = timedelta(hours=20)  # with a job that runs at all hours, once a day at least

# An event is received at most this long before it happens (events.ingestion.batch.MAX_AHEAD).
_RECEIVED = timedelta(days=formulas.WINDOW_DAYS + 1)


def score_users(*, tenant_id: UUID, user_ids: Collection[str], now: datetime | None = None) -> int:
    """Score these users, in the tenant's context and the caller's transaction. For a batch's users: two statements.

    A user that somebody else is writing is left to the next run: whoever calls holds locks, and must not wait.

    Returns:
        How many of them moved, and so were written.
    """
    if not user_ids:
        return 0
    users = encode(list(user_ids)).decode()
    with connection.cursor() as cursor:
        # Locked before the statement that reads: it sees what a parallel one for the same users wrote.
        cursor.execute(_LOCK, {"tenant_id": tenant_id, "users": users})
        ((config, locked),) = cursor.fetchall()
        cursor.execute(_SCORE_GIVEN, _parameters(tenant_id, config, now) | {"users": locked})
        written: int = cursor.fetchone()[0]
    return written


def score_tenant(
    tenant_id: UUID, *, everyone: bool = False, now: datetime | None = None, turn: Turn | None = None
) -> int:
    """Score the tenant's users that need it, in transactions of `BATCH` users each. For a periodic job.

    Those active since they were scored need it at each run, but in the stage `active` once an hour (docs/scores.md).
    Once a day a sweep goes over all of them, because scores decay and stages change by time alone. A sweep that was
    interrupted goes on where it was.

    Args:
        everyone: sweep now, whenever the last one was.

    Returns:
        How many users were written.

    Raises:
        TurnOver: the next turn goes on behind the last user.
    """
    turn = turn or Turn()
    with tenant_context(tenant_id), connection.cursor() as cursor:
        began_at = now or timezone.now()
        before = began_at - SWEEP_EVERY
        cursor.execute(_BEGIN_SWEEP, {"tenant_id": tenant_id, "now": began_at, "before": before, "everyone": everyone})
        found = cursor.fetchone()
        kept = places.find(tenant_id=tenant_id, work=_WORK)
    sweeping, after = found is not None, found[0] if found else kept or ""
    total = 0
    while after is not None:
        with tenant_context(tenant_id), connection.cursor() as cursor:
            written, after = _score_batch(cursor, tenant_id, after, sweeping, now)
            is_over = after is not None and turn.is_over()
            if is_over or (kept and after is None):  # a sweep notes its place itself, and makes the other void
                places.keep(tenant_id=tenant_id, work=_WORK, place=after)
        total += written
        if is_over:
            raise TurnOver
    return total


def ask(tenant_id: UUID) -> None:
    """Have the next round look at the tenant, whose users changed without an event. In the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, {"tenant_id": tenant_id})


def _score_batch(
    cursor: Any, tenant_id: UUID, after: str, sweeping: bool, now: datetime | None
) -> tuple[int, str | None]:
    """How many were written, and the last user of the batch: None behind the last batch."""
    cursor.execute(_CONFIG, {"tenant_id": tenant_id})
    row = cursor.fetchone()
    if row is None:  # gone meanwhile
        return 0, None
    parameters = _parameters(tenant_id, row[0], now)
    cursor.execute(_SCORE_NEXT, parameters | {"after": after, "size": BATCH, "everyone": sweeping})
    written, size, last = cursor.fetchone()
    after_next = last if size == BATCH else None
    if sweeping:
        cursor.execute(_NOTE_SWEEP, {"tenant_id": tenant_id, "after": after_next})
    return written, after_next


def _parameters(tenant_id: UUID, config: str | None, now: datetime | None) -> dict[str, Any]:
    now = now or timezone.now()
    given = formulas.thresholds(msgspec.json.decode(config) if config is not None else None)
    return {
        "tenant_id": tenant_id,
        "now": now,
        "window_start": now - timedelta(days=formulas.WINDOW_DAYS),
        "middle": now - timedelta(days=formulas.WINDOW_DAYS / 2),
        "received_since": now - _RECEIVED,
        "received_until": now + timedelta(hours=1),  # whatever the clocks say
        **formulas.parameters(given),
    }


_LOCK = """
    WITH locked AS MATERIALIZED (
        SELECT k.user_id FROM events_trackeduser k
        WHERE k.tenant_id = %(tenant_id)s AND k.user_id IN (SELECT jsonb_array_elements_text(%(users)s::jsonb))
        FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT (SELECT (t.config -> 'scores')::text FROM tenants_tenant t WHERE t.id = %(tenant_id)s),
        coalesce(json_agg(user_id), '[]')::text
    FROM locked
"""

_COLUMNS = """
    k.user_id, k.created_at, k.last_activity_at, k.traits, k.lifecycle_stage, k.stage_changed_at, k.activation_score,
    k.engagement_score, k.expansion_score, k.health, k.risk_level, k.milestones, k.events_14d, k.scored_at
"""

_GIVEN = f"""
    SELECT {_COLUMNS} FROM events_trackeduser k
    WHERE k.tenant_id = %(tenant_id)s AND k.user_id IN (SELECT jsonb_array_elements_text(%(users)s::jsonb))
"""

# Activity is noted every five minutes (`track_batch`, `events.ingestion.services`), and an event of before the last
# scoring may have been committed after it.
_ACTIVE_SINCE = "k.last_activity_at > k.scored_at - interval '6 minutes'"

# Who is in none of the stages that a few events change is not scored again within an hour. `track_batch` repeats it.
RESTS = "{user}.lifecycle_stage = 'active' AND {user}.scored_at > %(now)s - interval '1 hour'"
_RESTS = RESTS.format(user="k")

# A scoring while somebody is active has to be repeated; where it can wait, it waits until they pause, but not for ever.
_DUE = f"""
    k.scored_at IS NULL OR {_ACTIVE_SINCE} AND NOT ({_RESTS}) AND (
        k.lifecycle_stage <> 'active' OR k.last_activity_at <= %(now)s - interval '6 minutes'
        OR k.scored_at <= %(now)s - interval '2 hours'
    )
"""

_NEXT = f"""
    SELECT {_COLUMNS} FROM events_trackeduser k
    WHERE k.tenant_id = %(tenant_id)s AND k.user_id > %(after)s AND (%(everyone)s OR {_DUE})
    ORDER BY k.user_id LIMIT %(size)s
"""

# For the rest of the transaction. Statistics may know next to nothing of a tenant that has just brought many users, and
# then PostgreSQL would compare each user of a batch with each.
_CONFIG = """
    SELECT (config -> 'scores')::text, set_config('enable_nestloop', 'off', true)
    FROM tenants_tenant WHERE id = %(tenant_id)s
"""

# Rows of users and events are looked up by `= ANY(ARRAY(…))`, which is an index scan: a join could read all of the
# tenant's.
#
# The facts: one pass over the events received since the window began, in buckets of a user, a name and a UTC day.
# What is ahead of its time counts as now; `$identify` is no activity. `OFFSET 0` has a subquery computed once, however
# often it is referred to.
_SCORE = f"""
    WITH milestone AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(milestones)s::jsonb)
            AS m (name text, event text, count int, distinct_events int, returned_after_days int)
    ), batch AS MATERIALIZED (
        {{batch}}
    ), activity AS MATERIALIZED (
        SELECT e.user_id, e.name, (e.at AT TIME ZONE 'UTC')::date AS day, min(e.at) AS first_at, max(e.at) AS last_at,
            count(*) FILTER (WHERE e.engages AND e.at >= %(window_start)s) AS in_window,
            bool_or(e.engages AND e.at >= %(middle)s) AS recent,
            bool_or(e.engages AND e.at >= %(window_start)s AND e.at < %(middle)s) AS earlier,
            array_agg(e.at) FILTER (WHERE e.name = ANY(%(milestone_events)s::text[])) AS times
        FROM (SELECT e.user_id, e.name, least(e.timestamp, %(now)s) AS at, e.name <> '$identify' AS engages
                FROM events_event e
               WHERE e.tenant_id = %(tenant_id)s AND e.user_id = ANY(ARRAY(SELECT user_id FROM batch))
                 AND e.received_at >= %(received_since)s
                 AND e.month >= date_trunc('month', %(received_since)s AT TIME ZONE 'UTC')::date
                 AND e.month <= date_trunc('month', %(received_until)s AT TIME ZONE 'UTC')::date) e
        GROUP BY 1, 2, 3
    ), fact AS (
        SELECT user_id, min(first_at) AS first_at, max(last_at) FILTER (WHERE name <> '$identify') AS last_at,
            count(DISTINCT day) FILTER (WHERE in_window > 0) AS active_days,
            count(DISTINCT day) FILTER (WHERE recent) AS recent_days,
            count(DISTINCT day) FILTER (WHERE earlier) AS earlier_days,
            count(DISTINCT name) FILTER (WHERE in_window > 0 AND name <> '$identify') AS names,
            sum(in_window)::bigint AS events,
            sum(in_window) FILTER (WHERE name = %(expansion_gate_event)s::text) AS gate_hits,
            count(DISTINCT name) FILTER (WHERE in_window > 0 AND name = ANY(%(expansion_signals)s::text[])) AS signals
        FROM activity GROUP BY user_id
    ), sight AS MATERIALIZED (
        SELECT user_id, first_at, last_at, (first_at AT TIME ZONE 'UTC')::date AS first_day,
            (last_at AT TIME ZONE 'UTC')::date AS last_day, extract(epoch FROM %(now)s - last_at) / 86400 AS days_since
        FROM (SELECT b.user_id, least(b.created_at, f.first_at, %(now)s) AS first_at,
                     least(greatest(b.last_activity_at, f.last_at),
                           CASE WHEN coalesce(b.last_activity_at, f.last_at) IS NOT NULL THEN %(now)s END) AS last_at
                FROM batch b LEFT JOIN fact f USING (user_id)) s
    ), reached AS (
        SELECT user_id,
            jsonb_object_agg(name, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) AS milestones
        FROM (
            SELECT a.user_id, m.name, (array_agg(t ORDER BY t))[m.count] AS at
            FROM milestone m JOIN activity a ON a.name = m.event CROSS JOIN unnest(a.times) AS t
            GROUP BY a.user_id, m.name, m.count
            UNION ALL
            SELECT n.user_id, m.name, (array_agg(n.first_at ORDER BY n.first_at))[m.distinct_events]
            FROM milestone m CROSS JOIN (
                SELECT user_id, min(first_at) AS first_at FROM activity WHERE name <> '$identify'
                GROUP BY user_id, name
            ) n WHERE m.distinct_events IS NOT NULL
            GROUP BY n.user_id, m.name, m.distinct_events
            UNION ALL
            SELECT s.user_id, m.name, coalesce(min(a.first_at), max(s.last_at))
            FROM milestone m JOIN sight s ON s.last_day >= s.first_day + m.returned_after_days
            LEFT JOIN activity a
                ON a.user_id = s.user_id AND a.day >= s.first_day + m.returned_after_days AND a.name <> '$identify'
            GROUP BY s.user_id, m.name
        ) r WHERE at IS NOT NULL GROUP BY user_id
    ), scored AS (
        SELECT b.*, m.reached, p.activation, h.engagement, h.expansion, h.health AS healthy, g.stage,
            {formulas.RISK} AS risk, coalesce(f.events, 0) AS events
        FROM batch b
        JOIN sight s USING (user_id) LEFT JOIN fact f USING (user_id) LEFT JOIN reached r USING (user_id)
        CROSS JOIN LATERAL (SELECT coalesce(r.milestones, '{{{{}}}}') || b.milestones AS reached OFFSET 0) m
        CROSS JOIN LATERAL (
            SELECT {formulas.ACTIVATION} AS activation, {formulas.FREQUENCY} AS frequency,
                {formulas.BREADTH} AS breadth, {formulas.RECENCY} AS recency, {formulas.RETENTION} AS retention,
                {formulas.TREND} AS trend, {formulas.LIMIT} AS limit_share, {formulas.GATES} AS gates,
                {formulas.SIGNALS} AS signals OFFSET 0
        ) p
        CROSS JOIN LATERAL (
            SELECT {formulas.ENGAGEMENT} AS engagement, {formulas.EXPANSION} AS expansion OFFSET 0
        ) e
        CROSS JOIN LATERAL (SELECT e.engagement, e.expansion, {formulas.HEALTH} AS health OFFSET 0) h
        CROSS JOIN LATERAL (SELECT {formulas.STAGE} AS stage OFFSET 0) g
    ), moved AS MATERIALIZED (
        SELECT * FROM scored k
        WHERE k.scored_at IS NULL OR k.stage <> k.lifecycle_stage OR k.risk <> k.risk_level
            OR k.reached <> k.milestones OR abs(k.events - k.events_14d) * 10 > k.events_14d
            OR greatest(abs(k.activation - k.activation_score), abs(k.engagement - k.engagement_score),
                        abs(k.expansion - k.expansion_score), abs(k.healthy - k.health)) > 0.005
            OR {_ACTIVE_SINCE} AND NOT ({_RESTS})
    ), locked AS MATERIALIZED (
        SELECT k.user_id FROM events_trackeduser k JOIN moved m USING (user_id)
        WHERE k.tenant_id = %(tenant_id)s AND k.user_id = ANY(ARRAY(SELECT user_id FROM moved))
          AND k.scored_at IS NOT DISTINCT FROM m.scored_at
        ORDER BY k.user_id FOR NO KEY UPDATE OF k
    ), written AS (
        UPDATE events_trackeduser k SET
            activation_score = round(m.activation::numeric, 4), engagement_score = round(m.engagement::numeric, 4),
            expansion_score = round(m.expansion::numeric, 4), health = round(m.healthy::numeric, 4),
            risk_level = m.risk, milestones = m.reached, lifecycle_stage = m.stage, events_14d = m.events,
            scored_at = %(now)s,
            stage_changed_at = CASE WHEN m.stage = m.lifecycle_stage THEN k.stage_changed_at ELSE %(now)s END
        FROM moved m JOIN locked l USING (user_id)
        WHERE k.tenant_id = %(tenant_id)s AND k.user_id = ANY(ARRAY(SELECT user_id FROM locked))
          AND k.user_id = m.user_id
        RETURNING k.user_id, m.lifecycle_stage AS from_stage, m.stage AS to_stage
    ), changed AS (
        INSERT INTO events_stagechange (tenant_id, user_id, changed_at, from_stage, to_stage)
        SELECT %(tenant_id)s, user_id, %(now)s, from_stage, to_stage FROM written WHERE from_stage <> to_stage
        ON CONFLICT (tenant_id, user_id, changed_at) DO UPDATE SET to_stage = excluded.to_stage
    )
    SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM batch), (SELECT max(user_id) FROM batch)
"""

_SCORE_GIVEN = _SCORE.format(batch=_GIVEN)
_SCORE_NEXT = _SCORE.format(batch=_NEXT)

# Where the sweep begins or goes on; no row where none is due. `after` is NULL while no sweep is under way.
_BEGIN_SWEEP = """
    INSERT INTO events_scoringsweep (tenant_id, began_at, after)
    SELECT id, %(now)s, '' FROM tenants_tenant WHERE id = %(tenant_id)s
    ON CONFLICT (tenant_id) DO UPDATE SET
        began_at = CASE WHEN events_scoringsweep.after IS NULL THEN excluded.began_at
                        ELSE events_scoringsweep.began_at END,
        after = coalesce(events_scoringsweep.after, '')
        WHERE %(everyone)s OR events_scoringsweep.after IS NOT NULL
           OR events_scoringsweep.began_at <= %(before)s
    RETURNING after
"""

# Who asked a minute ago need not wait for a row that others write.
_ASK = """
    INSERT INTO events_scoringsweep (tenant_id, began_at, asked_at)
    SELECT %(tenant_id)s, now(), now() WHERE NOT EXISTS (
        SELECT FROM events_scoringsweep WHERE tenant_id = %(tenant_id)s AND asked_at > now() - interval '1 minute'
    )
    ON CONFLICT (tenant_id) DO UPDATE SET asked_at = excluded.asked_at
"""

_NOTE_SWEEP = "UPDATE events_scoringsweep SET after = %(after)s WHERE tenant_id = %(tenant_id)s"

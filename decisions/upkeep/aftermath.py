"""What comes of decisions, found out in batches: actions that arrived, conversions, windows that closed.

Nothing below this room knows of decisions, so they look: at the actions that they dispatched, and at the events of the
users they were for. Each step may be run late, often and in parallel, and a run that was killed is made good.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from decisions.lift import trial
from decisions.playbooks import interventions
from decisions.recommending import budget, rules
from decisions.recommending.rules import Rules
from decisions.upkeep import counting
from delivery import changes
from events import next_actions
from learning import services as learning
from tenants.context import tenant_context
from tenants.upkeep import places
from tenants.upkeep.rounds import Turn, TurnOver

BATCH = 1000
_WORK = "settle_decisions"

# A decision is due to be looked at for a conversion when it is older by this share than it was the last time.
_OLDER_BY = 0.1
_AT_LEAST = timedelta(minutes=1)
BETWEEN_RUNS = timedelta(minutes=2)  # they come each minute; one that is late misses none

Span = tuple[datetime, datetime]  # from, and until before
_Place = tuple[datetime, str]  # in the order of the ledger: when it was decided, and the id


def settle_tenant(
    tenant_id: UUID, *, now: datetime | None = None, batch: int = BATCH, turn: Turn | None = None
) -> Counter[str]:
    """All there is to find out now; how much that was, by kind. For a periodic job.

    Raises:
        TurnOver: what is left is found again, in the order in which it is looked for.
    """
    now, turn = now or datetime.now(UTC), turn or Turn()
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT config::text FROM tenants_tenant WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    if row is None:
        return Counter()
    of_tenant = rules.read(row[0])
    with tenant_context(tenant_id):
        noted = changes.find(tenant_id=tenant_id, now=now)
    counts: Counter[str] = Counter()
    counts["interventions"] = _drained(tenant_id, batch, turn, partial(_follow_actions, now=now))
    counts["costs"] = _drained(
        tenant_id, batch, turn, lambda tenant_id, limit: budget.settle(tenant_id=tenant_id, limit=limit)
    )
    if of_tenant.conversion is not None:
        counts["conversions"] = sum(_conversions(tenant_id, of_tenant, now, batch, turn))
    counts["closed"] = _drained(tenant_id, batch, turn, partial(_close, of_tenant=of_tenant, now=now, counts=counts))
    if noted or counts["costs"]:
        with tenant_context(tenant_id):
            arrived = changes.forget(tenant_id=tenant_id, changes=noted)
            counting.count(tenant_id=tenant_id, arrived=arrived)
    return counts


def _drained(tenant_id: UUID, batch: int, turn: Turn, step: Callable[[UUID, int], int]) -> int:
    """Steps of a transaction each until there is no more to do."""
    total = 0
    while True:
        with tenant_context(tenant_id):
            done = step(tenant_id, batch)
        total += done
        if done < batch:
            return total
        turn.check()


def _follow_actions(tenant_id: UUID, limit: int, *, now: datetime) -> int:
    """Interventions say what became of their actions."""
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW_ACTIONS, {"tenant_id": tenant_id, "limit": limit, "now": now})
        users = [user_id for (user_id,) in cursor.fetchall()]
    interventions.refresh_next_actions(tenant_id=tenant_id, users=sorted(set(users)))
    return len(users)


def _conversions(tenant_id: UUID, of_tenant: Rules, now: datetime, batch: int, turn: Turn) -> Iterator[int]:
    """Conversion events in the windows of open decisions, whoever was given what: the held out count for the lift.

    The newest batch is looked at in each run, and of older decisions those that are due, from the newest to the oldest.
    What a run misses, because an event came late or the run was killed, is found later, at the window's end at last.
    """
    with tenant_context(tenant_id):
        kept = places.find(tenant_id=tenant_id, work=_WORK)
    at, place = now, None
    if kept:
        at, place = msgspec.convert(kept, tuple[datetime, _Place | None])
    else:
        whole = [(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))]
        found, place = _look(tenant_id, of_tenant, now, batch, spans=whole, before=(whole[0][1], ""))
        yield found
    # Those that were due when it began: a turn that was over goes on with the same.
    spans = list(joined(due(at, of_tenant.window + rules.LATE)))
    while place is not None and not turn.is_over():
        found, place = _look(tenant_id, of_tenant, now, batch, spans=spans, before=place)
        yield found
    if kept or place is not None:
        with tenant_context(tenant_id):
            places.keep(tenant_id=tenant_id, work=_WORK, place=place and (at, place))
    if place is not None:
        raise TurnOver


def due(now: datetime, oldest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the decisions were made that are looked at now: newest first, and some twice.

    So each is looked at a number of times that grows with the logarithm of its window, and the work of a run with the
    decisions a minute, not with all that are open. Nothing is kept of it that a killed run could leave behind.
    """
    age = timedelta(0)
    while age <= oldest:
        yield now - age - BETWEEN_RUNS, now - age
        age += max(_AT_LEAST, age * _OLDER_BY)


def joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that overlap or touch as one; newest first."""
    since, until = None, None
    for span in spans:
        if since is not None and until is not None and span[1] < since:
            yield since, until
            until = None
        since, until = span[0], until or span[1]
    if since is not None and until is not None:
        yield since, until


def _look(
    tenant_id: UUID, of_tenant: Rules, now: datetime, batch: int, *, spans: Sequence[Span], before: _Place
) -> tuple[int, _Place | None]:
    """How many of the newest open decisions in the spans converted, and before which place to go on."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        next_actions.hold_off_erasure(tenant_id=tenant_id)
        parameters = _expected(of_tenant) | {
            "tenant_id": tenant_id,
            "sinces": [since for since, _ in spans],
            "untils": [until for _, until in spans],
            "before_time": before[0],
            "before_id": before[1],
            "now": now,
            "limit": batch,
        }
        cursor.execute(_FIND_CONVERSIONS, parameters)
        looked_at, last_time, last_id, converted = cursor.fetchone()
        _report(tenant_id, [{"decision_id": each, "conversion": parameters["value"]} for each in converted])
    return len(converted), (last_time, last_id) if looked_at == batch else None


def _expected(of_tenant: Rules) -> dict[str, Any]:
    """The conversion, for the statements; NULL where there is none."""
    conversion = of_tenant.conversion
    return {
        "event": conversion and conversion.event,
        "within": conversion and conversion.within,
        "value": conversion.value if conversion else 0.0,
    }


def _report(tenant_id: UUID, reports: list[learning.Report]) -> None:
    if reports:
        learning.report(tenant_id=tenant_id, reports=reports)


def _close(tenant_id: UUID, limit: int, *, of_tenant: Rules, now: datetime, counts: Counter[str]) -> int:
    """Windows that are over: each is looked at for a conversion once more, and never again. What was done by then and
    told nobody is a trial without a reward; an outcome that is reported later still counts."""
    before = now - of_tenant.window - (rules.LATE if of_tenant.conversion else rules.NOT_LATE)
    parameters = _expected(of_tenant) | {"tenant_id": tenant_id, "limit": limit, "before": before, "now": now}
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, parameters)
        closed = cursor.fetchall()
    reports: list[learning.Report] = []
    for decision_id, was_done, has_converted in closed:
        if has_converted:
            reports.append({"decision_id": decision_id, "conversion": parameters["value"]})
            counts["conversions"] += 1
        elif was_done:
            reports.append({"decision_id": decision_id})
    _report(tenant_id, reports)
    if closed and of_tenant.conversion is not None:
        decisions = [decision_id for decision_id, *_ in closed]
        trial.count(tenant_id=tenant_id, decisions=decisions, conversion=of_tenant.conversion, now=now)
    return len(closed)


# Rows to update are looked up by `= ANY(ARRAY(…))`: with no statistics of a tenant, a join compared all of its rows.

# An action that failed may still arrive, by a replay. What is on its way tells nothing yet. The statuses, as literals,
# and the order are those of the index `intervention_followed`.
_FOLLOW_ACTIONS = """
    WITH changed AS MATERIALIZED (
        SELECT i.id, a.delivered_at, came.status
        FROM decisions_intervention i
        CROSS JOIN LATERAL (
            SELECT a.status, a.outcome_status, a.delivered_at FROM delivery_action a
            WHERE a.tenant_id = %(tenant_id)s AND a.id = (
                SELECT d.action_id FROM decisions_decision d WHERE d.tenant_id = %(tenant_id)s AND d.id = i.decision_id
            ) LIMIT 1
        ) a
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN a.status IN ('failed', 'expired') OR a.outcome_status IN ('ignored', 'rejected') THEN 'failed'
                WHEN a.status IN ('delivered', 'completed') THEN a.status
            END AS status
        ) came
        WHERE i.tenant_id = %(tenant_id)s AND i.sent_at > %(now)s::timestamptz - interval '90 days'
          AND i.status IN ('sent', 'delivered', 'failed') AND came.status <> i.status
        ORDER BY i.sent_at LIMIT %(limit)s FOR NO KEY UPDATE OF i SKIP LOCKED
    )
    UPDATE decisions_intervention i SET
        status = c.status, delivered_at = coalesce(i.delivered_at, c.delivered_at)
    FROM changed c
    WHERE i.tenant_id = %(tenant_id)s AND i.id = ANY(ARRAY(SELECT id FROM changed)) AND i.id = c.id
    RETURNING i.user_id
"""

# When the decision `o` converted, or NULL. An event is received a day before it happens at the earliest
# (events.ingestion.batch.MAX_AHEAD), which tells the partitions.
_CONVERTED_AT = """
    SELECT min(e.timestamp) FROM events_event e
    WHERE e.tenant_id = %(tenant_id)s AND e.user_id = o.user_id AND e.name = %(event)s::text
      AND e.timestamp > o.created_at AND e.timestamp <= o.created_at + %(within)s::interval AND e.timestamp <= %(now)s
      AND e.month >= date_trunc('month', (o.created_at - interval '1 day') AT TIME ZONE 'UTC')::date
      AND e.month <= date_trunc('month', %(now)s::timestamptz AT TIME ZONE 'UTC')::date
"""

# The spans come one after another, newest first, and no further than to the limit.
# Whose user was not active since is not looked up. Subqueries, because a join read all of a tenant's users.
_FIND_CONVERSIONS = f"""
    WITH open AS MATERIALIZED (
        SELECT d.* FROM unnest(%(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS span (since, until)
        CROSS JOIN LATERAL (
            SELECT d.id, d.user_id, d.created_at, d.converted_at FROM decisions_decision d
            WHERE d.tenant_id = %(tenant_id)s AND d.closed_at IS NULL
              AND d.created_at >= span.since AND d.created_at < span.until
              AND (d.created_at, d.id) < (%(before_time)s, %(before_id)s)
            ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s
        ) d
        LIMIT %(limit)s
    ), found AS MATERIALIZED (
        SELECT o.id, CASE WHEN (
            SELECT u.last_activity_at FROM events_trackeduser u
            WHERE u.tenant_id = %(tenant_id)s AND u.user_id = o.user_id
        ) >= o.created_at - interval '5 minutes' THEN ({_CONVERTED_AT}) END AS at
        FROM open o WHERE o.converted_at IS NULL
    ), noted AS (
        UPDATE decisions_decision d SET converted_at = f.at, conversion = %(value)s FROM found f
        WHERE d.tenant_id = %(tenant_id)s AND d.id = ANY(ARRAY(SELECT id FROM found WHERE at IS NOT NULL))
          AND d.id = f.id AND d.converted_at IS NULL
        RETURNING d.id
    )
    SELECT (SELECT count(*) FROM open),
        (SELECT created_at FROM open ORDER BY created_at, id LIMIT 1),
        (SELECT id FROM open ORDER BY created_at, id LIMIT 1),
        ARRAY(SELECT id FROM noted)
"""

# What is still on its way, or never arrived, tells nothing. Who was active is not asked: this look-up is exact.
_CLOSE = f"""
    WITH over AS MATERIALIZED (
        SELECT d.id, d.user_id, d.created_at, d.converted_at, d.action_id IS NULL OR coalesce((
            SELECT a.status IN ('delivered', 'completed') FROM delivery_action a
            WHERE a.tenant_id = d.tenant_id AND a.id = d.action_id
        ), false) AS was_done
        FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.closed_at IS NULL AND d.created_at <= %(before)s
        ORDER BY d.created_at LIMIT %(limit)s FOR NO KEY UPDATE OF d SKIP LOCKED
    ), found AS MATERIALIZED (
        SELECT o.id, o.was_done,
            CASE WHEN o.converted_at IS NULL AND %(event)s::text IS NOT NULL THEN ({_CONVERTED_AT}) END AS at
        FROM over o
    )
    UPDATE decisions_decision d SET
        closed_at = %(now)s, converted_at = coalesce(d.converted_at, f.at),
        conversion = CASE WHEN f.at IS NULL THEN d.conversion ELSE %(value)s END
    FROM found f WHERE d.tenant_id = %(tenant_id)s AND d.id = ANY(ARRAY(SELECT id FROM found)) AND d.id = f.id
    RETURNING d.id, f.was_done, f.at IS NOT NULL
"""

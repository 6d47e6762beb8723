"""Runs a tenant's active playbooks over its users, in batches: who enters, who leaves, and what is due.

Each batch is one transaction under the lock of its playbook's row, so runs that overlap take turns. What is done
stands in the tables alone: a run that was killed is made good by the next one, whatever it had finished, and the unique
constraint `intervention_once_for_each_step` holds that nothing is planned twice.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from django.db import connection

from decisions.models import NEVER_HAPPENED, PENDING, READY, Channel, LifecycleArea
from decisions.playbooks import acting, interventions
from decisions.playbooks.acting import Ready
from decisions.playbooks.conditions import compile_conditions
from events import next_actions
from retivo.api.json import encode
from tenants.context import tenant_context

BATCH = 1000
BEGUN_AT_ONCE = 100  # each holds a lock on its user
WIN_BACK_DELAYS = [7, 30, 60]

Counts = Counter[str]


def run_tenant(tenant_id: UUID) -> Counts:
    """All there is to do for a tenant now; for a periodic job."""
    return run_playbooks(tenant_id=tenant_id, now=datetime.now(UTC))


def run_playbooks(*, tenant_id: UUID, now: datetime, batch: int = BATCH) -> Counts:
    """Run each active playbook over all users, then begin what may be begun.

    Returns:
        How many `users` were looked at, `entered`, `left`, and how many interventions were `planned`, `cancelled` and
        `begun`.
    """
    counts: Counts = Counter()
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_ACTIVE, {"tenant_id": tenant_id})
        playbooks = [row[0] for row in cursor.fetchall()]
    times = local_times(now)
    for playbook_id in playbooks:
        for done in _run_playbook(tenant_id, playbook_id, now, times, batch):
            counts.update(done)
    for done in _begin_ready(tenant_id, now, times, min(batch, BEGUN_AT_ONCE)):
        counts.update(done)
    return counts


# --- One playbook ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Playbook:
    id: UUID
    area: str
    entry_conditions: dict[str, Any]
    exit_conditions: dict[str, Any]
    constraints: dict[str, Any]

    @property
    def is_win_back(self) -> bool:
        return self.area == LifecycleArea.WIN_BACK

    def sweep(self) -> tuple[str, dict[str, Any]]:
        """The statement that moves users in and out, and its conditions' parameters.

        Who is in leaves by the exit conditions alone where there are any. Nobody enters only to leave again.
        """
        entry = compile_conditions(self.entry_conditions, prefix="entry")
        leaving = compile_conditions(self.exit_conditions, prefix="exit")
        enters = stays = entry.sql
        if self.exit_conditions:
            enters, stays = f"{entry.sql} AND NOT {leaving.sql}", f"NOT {leaving.sql}"
        if self.is_win_back:
            enters, stays = (f"u.lifecycle_stage = 'churned' AND {condition}" for condition in (enters, stays))
        statement = _SWEEP.format(
            belongs=f"NOT u.opted_out AND CASE WHEN e.is_in THEN {stays} ELSE {enters} END",
            since="u.stage_changed_at" if self.is_win_back else "%(now)s::timestamptz",
            # Churned anew between two runs: another entry, though the user never left.
            begins_anew="since > was_since" if self.is_win_back else "false",
        )
        return statement, entry.parameters | leaving.parameters

    def limits(self) -> dict[str, Any]:
        period = self.constraints.get("period_days")
        delays = self.constraints.get("delays_days") or (WIN_BACK_DELAYS if self.is_win_back else [0])
        return {
            "delays": sorted(set(delays)),
            "cooldown_days": self.constraints.get("cooldown_days", 0),
            "max_per_user": self.constraints.get("max_per_user", 1 if period else None),
            "period_days": period,
            "status": "awaiting_approval" if self.constraints.get("needs_approval") else "planned",
        }


def _run_playbook(
    tenant_id: UUID, playbook_id: UUID, now: datetime, times: str, batch: int
) -> Generator[dict[str, int]]:
    after: str | None = ""
    while after is not None:
        with tenant_context(tenant_id), connection.cursor() as cursor:
            next_actions.hold_off_erasure(tenant_id=tenant_id)
            key: dict[str, Any] = {"tenant_id": tenant_id, "playbook_id": playbook_id, "now": now, "after": after}
            cursor.execute(_LOCK, key)
            row = cursor.fetchone()
            if row is None:  # paused or archived since the batch before
                return
            area, *conditions = row
            playbook = _Playbook(playbook_id, area, *map(msgspec.json.decode, conditions))
            sweep, parameters = playbook.sweep()
            cursor.execute(sweep, {**key, **parameters, "size": batch})
            users, last, entered, left, cancelled = cursor.fetchone()
            planned: list[str] = []
            if users:
                cursor.execute(_PLAN, {**key, **playbook.limits(), "last": last, "times": times})
                planned = [user_id for (user_id,) in cursor.fetchall()]
            interventions.refresh_next_actions(tenant_id=tenant_id, users=sorted({*cancelled, *planned}))
        yield {"users": users, "entered": entered, "left": left, "cancelled": len(cancelled), "planned": len(planned)}
        after = last if users == batch else None


def _begin_ready(tenant_id: UUID, now: datetime, times: str, batch: int) -> Generator[dict[str, int]]:
    """Hand over what is planned and needs no approval, or has it, oldest first."""
    after: tuple[datetime, str] | None = (datetime.min.replace(tzinfo=UTC), "")
    while after is not None:
        with tenant_context(tenant_id), connection.cursor() as cursor:
            next_actions.hold_off_erasure(tenant_id=tenant_id)
            parameters: dict[str, Any] = {"tenant_id": tenant_id, "times": times, "size": batch}
            cursor.execute(_READY, {**parameters, "after_time": after[0], "after_id": after[1]})
            rows = cursor.fetchall()
            ready = [Ready(*columns) for *columns, _, may_begin in rows if may_begin]
            begun = acting.act(tenant_id=tenant_id, ready=ready, now=now) if ready else 0
        yield {"begun": begun}
        after = (rows[-1][-2], rows[-1][0]) if len(rows) == batch else None


def local_times(now: datetime) -> str:
    """What time it is in each zone, as JSON: a name that is none is then not found, where PostgreSQL would fail."""
    zones = {*available_timezones(), "UTC"}
    return encode({zone: f"{now.astimezone(ZoneInfo(zone)):%H:%M}" for zone in zones}).decode()


# --- SQL ------------------------------------------------------------------------------------------------------------


_ACTIVE = """
    SELECT id FROM decisions_playbook WHERE tenant_id = %(tenant_id)s AND status = 'active' ORDER BY created_at, id
"""

_LOCK = """
    SELECT lifecycle_area, entry_conditions::text, exit_conditions::text, constraints::text FROM decisions_playbook
    WHERE tenant_id = %(tenant_id)s AND id = %(playbook_id)s AND status = 'active' FOR NO KEY UPDATE
"""

# Look-ups are `(SELECT … LIMIT 1)` and `= ANY(ARRAY(…))`: index scans, where a join could read all the tenant's rows.
# A user that comes back is another entry; in a win-back only after another churn.
_SWEEP = f"""
    WITH batch AS MATERIALIZED (
        SELECT * FROM events_trackeduser
        WHERE tenant_id = %(tenant_id)s AND user_id > %(after)s ORDER BY user_id LIMIT %(size)s
    ), judged AS MATERIALIZED (
        SELECT u.user_id, {{since}} AS since, coalesce(e.is_in, false) AS is_in, e.since AS was_since,
            {{belongs}} AS belongs
        FROM batch u LEFT JOIN LATERAL (
            SELECT exited_at IS NULL AS is_in, since FROM decisions_playbookentry
            WHERE tenant_id = %(tenant_id)s AND playbook_id = %(playbook_id)s AND user_id = u.user_id LIMIT 1
        ) e ON true
    ), entered AS (
        INSERT INTO decisions_playbookentry AS e
            (tenant_id, playbook_id, user_id, number, since, entered_at, steps_done)
        SELECT %(tenant_id)s, %(playbook_id)s, user_id, 1, since, %(now)s, 0
        FROM judged WHERE belongs AND (NOT is_in OR {{begins_anew}})
        ON CONFLICT (tenant_id, playbook_id, user_id) DO UPDATE SET
            number = e.number + (excluded.since > e.since)::int,
            steps_done = CASE WHEN excluded.since > e.since THEN 0 ELSE e.steps_done END,
            since = greatest(e.since, excluded.since), entered_at = excluded.entered_at, exited_at = NULL
        RETURNING user_id
    ), gone AS (
        UPDATE decisions_playbookentry SET exited_at = %(now)s
        WHERE tenant_id = %(tenant_id)s AND playbook_id = %(playbook_id)s
          AND user_id = ANY(ARRAY(SELECT user_id FROM judged WHERE is_in AND NOT belongs))
        RETURNING user_id
    ), cancelled AS (
        UPDATE decisions_intervention SET status = 'cancelled'
        WHERE tenant_id = %(tenant_id)s AND playbook_id = %(playbook_id)s
          AND user_id = ANY(ARRAY(SELECT user_id FROM judged WHERE is_in AND (NOT belongs OR {{begins_anew}})))
          AND entry IS NOT NULL AND status IN ({interventions.literals(PENDING)})
        RETURNING user_id
    )
    SELECT (SELECT count(*) FROM batch), (SELECT max(user_id) FROM batch), (SELECT count(*) FROM entered),
        (SELECT count(*) FROM gone), ARRAY(SELECT user_id FROM cancelled)
"""

# By the clock of the zone that the user names, else the tenant, else UTC. What is in a `(SELECT …)` is read once.
_AWAKE = """
    (p.constraints -> 'quiet_hours' IS NULL OR (
        SELECT CASE WHEN start <= finish THEN clock < start OR clock >= finish
                    ELSE clock < start AND clock >= finish END
        FROM (SELECT (p.constraints #>> '{quiet_hours,from}') COLLATE "C" AS start,
                     (p.constraints #>> '{quiet_hours,to}') COLLATE "C" AS finish,
                     coalesce(
                         (SELECT %(times)s::jsonb) ->> (u.traits ->> 'timezone'),
                         (SELECT %(times)s::jsonb ->> (config ->> 'timezone') FROM tenants_tenant
                           WHERE id = %(tenant_id)s),
                         (SELECT %(times)s::jsonb ->> 'UTC')
                     ) COLLATE "C" AS clock) q
    ))
"""

# The step is how many of the delays are over: where several passed at once, it is the last of them that is due.
_PLAN = f"""
    WITH due AS MATERIALIZED (
        SELECT e.user_id, e.number, passed.step
        FROM decisions_playbookentry e
        JOIN decisions_playbook p ON p.tenant_id = e.tenant_id AND p.id = e.playbook_id
        CROSS JOIN LATERAL (
            SELECT opted_out, traits FROM events_trackeduser
            WHERE tenant_id = %(tenant_id)s AND user_id = e.user_id LIMIT 1
        ) u
        CROSS JOIN LATERAL (
            SELECT count(*)::smallint AS step FROM unnest(%(delays)s::int[]) AS d (days)
            WHERE e.since + d.days * interval '1 day' <= %(now)s
        ) passed
        WHERE e.tenant_id = %(tenant_id)s AND e.playbook_id = %(playbook_id)s
          AND e.user_id > %(after)s AND e.user_id <= %(last)s
          AND e.exited_at IS NULL AND passed.step > e.steps_done AND NOT u.opted_out AND {_AWAKE}
          AND (
              SELECT (max(i.planned_at) > %(now)s::timestamptz - %(cooldown_days)s::int * interval '1 day') IS NOT TRUE
                 AND (%(max_per_user)s::int IS NULL OR %(max_per_user)s::int > count(*) FILTER (
                     WHERE %(period_days)s::int IS NULL
                        OR i.planned_at > %(now)s::timestamptz - %(period_days)s::int * interval '1 day'
                 ))
              FROM decisions_intervention i
              WHERE i.tenant_id = e.tenant_id AND i.playbook_id = e.playbook_id AND i.user_id = e.user_id
                AND i.status NOT IN ({interventions.literals(NEVER_HAPPENED)})
          )
    ), stepped AS (
        UPDATE decisions_playbookentry e SET steps_done = due.step, intervened_at = %(now)s FROM due
        WHERE e.tenant_id = %(tenant_id)s AND e.playbook_id = %(playbook_id)s AND e.user_id = due.user_id
          AND e.user_id = ANY(ARRAY(SELECT user_id FROM due))
    )
    INSERT INTO decisions_intervention (tenant_id, user_id, playbook_id, entry, step, status, channel, planned_at)
    SELECT %(tenant_id)s, user_id, %(playbook_id)s, number, step, %(status)s, '{Channel.EXTERNAL_ACTION}', %(now)s
    FROM due
    ON CONFLICT DO NOTHING
    RETURNING user_id
"""

_READY = f"""
    WITH page AS MATERIALIZED (
        SELECT id, user_id, playbook_id, channel, planned_at FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND status IN ({interventions.literals(READY)})
          AND (planned_at, id) > (%(after_time)s, %(after_id)s)
        ORDER BY planned_at, id LIMIT %(size)s
        FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT i.id, i.user_id, i.playbook_id, i.channel, coalesce(p.strategy_hints, '{{}}')::text, i.planned_at,
        (p.id IS NULL OR p.status = 'active') AND {_AWAKE}
    FROM page i
    CROSS JOIN LATERAL (
        SELECT traits FROM events_trackeduser
        WHERE tenant_id = %(tenant_id)s AND user_id = i.user_id LIMIT 1
    ) u
    LEFT JOIN decisions_playbook p ON p.tenant_id = %(tenant_id)s AND p.id = i.playbook_id
    ORDER BY i.planned_at, i.id
"""

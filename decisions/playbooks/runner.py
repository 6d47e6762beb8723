"""Runs a tenant's active playbooks over its users, in batches: who enters, who leaves, and what is due.

Each batch is one transaction under the lock of its playbook's row, so runs that overlap take turns. What is done
stands in the tables alone: a run that was killed is made good by the next one, whatever it had finished, and the unique
constraint `intervention_once_for_each_step` holds that nothing is planned twice.

Batches are as large as `BATCH_SECONDS` allow: what a user costs depends on the conditions that the tenant wrote. A
statement that takes longer than `STATEMENT_SECONDS` is ended and tried with fewer users; one user for whom even that is
too long is passed over. When the tenant's turn is over the run notes its place, and the next one goes on there.
"""

import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import zip_longest
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import psycopg
import structlog
from django.db import OperationalError, connection

from decisions.models import NEVER_HAPPENED, PENDING, READY, Channel, LifecycleArea
from decisions.playbooks import acting, interventions
from decisions.playbooks.acting import Ready
from decisions.playbooks.conditions import compile_conditions
from events import next_actions
from retivo.api.json import encode
from tenants.context import tenant_context
from tenants.upkeep import places
from tenants.upkeep.rounds import Turn, TurnOver

log = structlog.get_logger("retivo.playbooks")

BATCH = 1000
FIRST_BATCH = 100  # then what it took is known
BATCH_SECONDS = 0.25  # a change of the playbook waits as long
STATEMENT_SECONDS = 2
BEGUN_AT_ONCE = 25  # each holds a lock on its user
WIN_BACK_DELAYS = [7, 30, 60]

Counts = Counter[str]


_WORK = "run_playbooks"


class Place(msgspec.Struct, omit_defaults=True):
    """Where a run stopped: at a playbook and behind a user of it, and behind an intervention that was ready."""

    playbook: tuple[datetime, UUID] | None = None
    user: str = ""
    ready: tuple[datetime, str] | None = None


@dataclass(frozen=True)
class Run:
    """One run for a tenant, and what it did so far."""

    tenant_id: UUID
    now: datetime
    batch: int = BATCH
    counts: Counts = field(default_factory=Counter)


def run_tenant(tenant_id: UUID, turn: Turn | None = None) -> Counts:
    """All there is to do for a tenant now; for a periodic job.

    Raises:
        TurnOver: with the place noted.
    """
    return run_playbooks(tenant_id=tenant_id, now=datetime.now(UTC), turn=turn)


def run_playbooks(*, tenant_id: UUID, now: datetime, batch: int = BATCH, turn: Turn | None = None) -> Counts:
    """Run each active playbook over all users, then begin what may be begun. Each has half of the turn.

    Returns:
        How many `users` were looked at, `entered`, `left`, and how many interventions were `planned`, `cancelled` and
        `begun`.

    Raises:
        TurnOver: with the place noted.
    """
    turn = turn or Turn()
    run = Run(tenant_id, now, batch)
    with tenant_context(tenant_id), connection.cursor() as cursor:
        kept = places.find(tenant_id=tenant_id, work=_WORK)
        cursor.execute(_ACTIVE, {"tenant_id": tenant_id})
        playbooks = cursor.fetchall()
    before = msgspec.convert(kept, Place) if kept else Place()
    place = Place()
    # Where only what is ready is unfinished, the playbooks have been run over all users since it began.
    if before.playbook or not before.ready:
        place = _run_over_users(run, turn.half(), playbooks, before)
    for after in begin_ready(run, before.ready):
        if turn.is_over():
            place.ready = after
            break
    is_done = place == Place()
    if kept or not is_done:
        with tenant_context(tenant_id):
            places.keep(tenant_id=tenant_id, work=_WORK, place=None if is_done else place)
    if not is_done:
        raise TurnOver
    return run.counts


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


def _run_over_users(run: Run, turn: Turn, playbooks: Sequence[tuple[datetime, UUID]], before: Place) -> Place:
    """Oldest playbook first, from where the run before stopped; where this one does, after a batch at the least."""
    left = [playbook for playbook in playbooks if not before.playbook or playbook >= before.playbook]
    for playbook, following in zip_longest(left, left[1:]):
        after = before.user if playbook == before.playbook else ""
        for reached in run_playbook(run, playbook[1], after):
            if turn.is_over():
                return Place(playbook, reached)
        if following and turn.is_over():
            return Place(following)
    return Place()


def run_playbook(run: Run, playbook_id: UUID, after: str = "") -> Generator[str]:
    """Yields after each batch but the last, with its last user."""
    size = min(run.batch, FIRST_BATCH)
    while True:
        began = time.monotonic()
        try:
            users, last = _run_batch(run, playbook_id, after, size)
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
            if size > 1:
                size = max(1, size // 8)
                continue
            users, last = 1, _user_behind(run, after)
            log.error("user_passed_over", tenant_id=str(run.tenant_id), playbook_id=str(playbook_id), user_id=last)
        if users < size or last is None:
            return
        yield last
        after = last
        size = max(1, min(int(size * BATCH_SECONDS / (time.monotonic() - began)), size * 4, run.batch))


def _run_batch(run: Run, playbook_id: UUID, after: str, size: int) -> tuple[int, str | None]:
    """How many of `size` users there were, and the last; none where the playbook is no longer active.

    Raises:
        OperationalError: because of QueryCanceled, where a statement took too long.
    """
    with tenant_context(run.tenant_id), connection.cursor() as cursor:
        next_actions.hold_off_erasure(tenant_id=run.tenant_id)
        key: dict[str, Any] = {"tenant_id": run.tenant_id, "playbook_id": playbook_id, "now": run.now, "after": after}
        cursor.execute(_LOCK, key)
        row = cursor.fetchone()
        if row is None:
            return 0, None
        area, *conditions, _ = row
        playbook = _Playbook(playbook_id, area, *map(msgspec.json.decode, conditions))
        sweep, parameters = playbook.sweep()
        cursor.execute(sweep, {**key, **parameters, "size": size})
        users, last, entered, left, cancelled = cursor.fetchone()
        planned: list[str] = []
        if users:
            cursor.execute(_PLAN, {**key, **playbook.limits(), "last": last, "times": local_times(run.now)})
            planned = [user_id for (user_id,) in cursor.fetchall()]
        interventions.refresh_next_actions(tenant_id=run.tenant_id, users=sorted({*cancelled, *planned}))
    run.counts.update(users=users, entered=entered, left=left, cancelled=len(cancelled), planned=len(planned))
    return users, last


def _user_behind(run: Run, after: str) -> str | None:
    with tenant_context(run.tenant_id), connection.cursor() as cursor:
        cursor.execute(_USER_BEHIND, {"tenant_id": run.tenant_id, "after": after})
        (found,) = cursor.fetchone()
    return found if found is None else str(found)


def begin_ready(run: Run, after: tuple[datetime, str] | None = None) -> Generator[tuple[datetime, str]]:
    """Hand over what is planned and needs no approval, or has it, oldest first.

    Yields after each page but the last, with its last intervention.
    """
    after = after or (datetime.min.replace(tzinfo=UTC), "")
    size = min(run.batch, BEGUN_AT_ONCE)
    while True:
        with tenant_context(run.tenant_id), connection.cursor() as cursor:
            next_actions.hold_off_erasure(tenant_id=run.tenant_id)
            parameters: dict[str, Any] = {"tenant_id": run.tenant_id, "times": local_times(run.now), "size": size}
            cursor.execute(_READY, {**parameters, "after_time": after[0], "after_id": after[1]})
            rows = cursor.fetchall()
            ready = [Ready(*columns) for *columns, _, may_begin in rows if may_begin]
            begun = acting.act(tenant_id=run.tenant_id, ready=ready, now=run.now) if ready else 0
        run.counts["begun"] += begun
        if len(rows) < size:
            return
        after = (rows[-1][-2], rows[-1][0])
        yield after


def local_times(now: datetime) -> str:
    """What time it is in each zone, as JSON: a name that is none is then not found, where PostgreSQL would fail."""
    return _local_times(now.replace(second=0, microsecond=0))


@lru_cache(maxsize=2)  # many tenants are run in a minute
def _local_times(minute: datetime) -> str:
    return encode({name: f"{minute.astimezone(zone):%H:%M}" for name, zone in _zones().items()}).decode()


@cache
def _zones() -> dict[str, ZoneInfo]:
    return {name: ZoneInfo(name) for name in sorted({*available_timezones(), "UTC"})}


# --- SQL ------------------------------------------------------------------------------------------------------------


_ACTIVE = """
    SELECT created_at, id FROM decisions_playbook WHERE tenant_id = %(tenant_id)s AND status = 'active'
    ORDER BY created_at, id
"""

# The deadline is for the statements behind this one, until the transaction ends.
_LOCK = f"""
    SELECT lifecycle_area, entry_conditions::text, exit_conditions::text, constraints::text,
        set_config('statement_timeout', '{STATEMENT_SECONDS}s', true)
    FROM decisions_playbook
    WHERE tenant_id = %(tenant_id)s AND id = %(playbook_id)s AND status = 'active' FOR NO KEY UPDATE
"""

_USER_BEHIND = "SELECT min(user_id) FROM events_trackeduser WHERE tenant_id = %(tenant_id)s AND user_id > %(after)s"

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
    ), pending AS MATERIALIZED (
        SELECT id FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND playbook_id = %(playbook_id)s
          AND user_id = ANY(ARRAY(SELECT user_id FROM judged WHERE is_in AND (NOT belongs OR {{begins_anew}})))
          AND entry IS NOT NULL AND status IN ({interventions.literals(PENDING)})
        ORDER BY id FOR NO KEY UPDATE
    ), cancelled AS (
        UPDATE decisions_intervention SET status = 'cancelled'
        WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM pending))
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

"""Which tenants each round of `decisions.tasks` has something to do for: statements for `tenants.upkeep.rounds`.

Each is answered by indexes that hold what is waiting and nothing else, so that a round costs what there is to do, and
nothing for tenants that wait for nothing. `tests/decisions/upkeep/test_waiting.py` has each kind of work.
"""

from datetime import UTC, datetime, timedelta

import delivery.forgetting
from decisions.models import FOLLOWED, READY, CostState, PlaybookStatus
from decisions.playbooks import interventions
from decisions.recommending import rules
from decisions.upkeep import aftermath, forgetting
from events.usage.counting import OPEN_SINCE
from learning.services import KEPT_DAYS
from tenants.upkeep import rounds

_NOT_SUSPENDED = "t.plan_status = 'active'"

_CONVERTING = "t.config ? 'conversion'"

# Who is in an active playbook, and when, is asked of its users: time alone makes conditions come true.
TO_RUN = rounds.of(
    rounds.having("decisions_playbook", f"r.status = '{PlaybookStatus.ACTIVE.value}'"),
    rounds.having("decisions_intervention", f"r.status IN ({interventions.literals(READY)})"),
    condition=_NOT_SUSPENDED,
)


# --- Settling -------------------------------------------------------------------------------------------------------


def _ages() -> str:
    """At which ages decisions are looked at for a conversion, as rows of intervals: above, and up to."""
    now = datetime(2000, 1, 1, tzinfo=UTC)
    spans = aftermath.joined(aftermath.due(now, timedelta(days=rules.MAX_DAYS) + rules.LATE))
    return ", ".join(f"(interval '{now - until}', interval '{now - since}')" for since, until in spans)


_ACTED_ON = "SELECT tenant_id FROM delivery_actionchange WHERE due_at <= now()"


def _may_convert(within: str) -> str:
    """Events came within this time, the last of them at `at`, and there are decisions that they may convert."""
    return f"""
        SELECT u.tenant_id, u.active_at AS at FROM events_monthlyusage u JOIN tenants_tenant t ON t.id = u.tenant_id
        WHERE u.active_at >= now() - interval '{within}' AND {_CONVERTING} AND (
            SELECT true FROM decisions_decision d WHERE d.tenant_id = u.tenant_id AND d.closed_at IS NULL LIMIT 1
        )
    """


# Only where events came within the last day. Those of before have been looked for at each age since.
_OF_AN_AGE = f"""
    SELECT d.tenant_id FROM (VALUES {_ages()}) AS age (above, up_to)
    CROSS JOIN LATERAL (
        SELECT DISTINCT d.tenant_id FROM decisions_decision d
        WHERE d.closed_at IS NULL AND d.created_at >= now() - age.up_to AND d.created_at < now() - age.above
    ) d
    JOIN tenants_tenant t ON t.id = d.tenant_id
    WHERE {_CONVERTING} AND (
        SELECT true FROM events_monthlyusage u
        WHERE u.tenant_id = d.tenant_id AND u.active_at >= now() - interval '1 day' LIMIT 1
    )
"""

# Windows are whole days: at each day's end those are over whose tenant waits so long, and a day longer for late events.
_OVER = f"""
    SELECT d.tenant_id FROM generate_series(1, {rules.MAX_DAYS + rules.LATE.days}) AS age (days)
    CROSS JOIN LATERAL (
        SELECT DISTINCT d.tenant_id FROM decisions_decision d
        WHERE d.closed_at IS NULL AND d.created_at <= now() - age.days * interval '1 day'
          AND d.created_at > now() - age.days * interval '1 day' - interval '5 minutes'
    ) d
    JOIN tenants_tenant t ON t.id = d.tenant_id
    WHERE coalesce(t.config #> '{{conversion,within_days}}', '{rules.OUTCOME_DAYS}')
        = to_jsonb(age.days - ({_CONVERTING})::int * {rules.LATE.days})
"""

# What a round that was missed would have found waits for the decision's next age, and for `TO_FORGET` at last: its
# round settles whatever there is.
TO_SETTLE = rounds.of(
    _ACTED_ON, f"SELECT tenant_id FROM ({_may_convert('4 minutes')}) u", _OF_AN_AGE, _OVER, condition=_NOT_SUSPENDED
)


# --- Counting -------------------------------------------------------------------------------------------------------

# Counts move with decisions and with events, which are settled within ten minutes; and slowly by time alone. The
# largest are counted once an hour, and all are shown for a day.
_SINCE_COUNTED = f"""
    SELECT lately.tenant_id FROM (
        SELECT d.tenant_id, d.created_at AS at FROM decisions_decision d JOIN tenants_tenant t ON t.id = d.tenant_id
        WHERE d.closed_at IS NULL AND d.created_at >= now() - interval '75 minutes' AND {_CONVERTING}
        UNION ALL
        {_may_convert("75 minutes")}
    ) lately
    LEFT JOIN decisions_liftcount l ON l.tenant_id = lately.tenant_id
    WHERE l.tenant_id IS NULL OR lately.at > l.counted_at - interval '10 minutes'
"""

TO_COUNT = rounds.of(
    _SINCE_COUNTED,
    "SELECT tenant_id FROM decisions_liftcount WHERE counted_at <= now() - interval '20 hours'",
    condition=_NOT_SUSPENDED,
)


# --- Metering -------------------------------------------------------------------------------------------------------

# Rounds look back far enough for one that was missed.
TO_METER = rounds.of(
    "SELECT tenant_id FROM events_monthlyusage WHERE active_at >= now() - interval '25 minutes'",
    "SELECT tenant_id FROM decisions_decision WHERE closed_at IS NULL AND created_at >= now() - interval '25 minutes'",
)

_ANYTHING = """
    SELECT true FROM {table} r WHERE r.tenant_id = t.id AND r.{column} > coalesce(c.counted_at, '-infinity') LIMIT 1
"""

# A look or two in an index for each tenant, once an hour.
TO_CLOSE = f"""
    SELECT t.id FROM tenants_tenant t LEFT JOIN events_usagecount c ON c.tenant_id = t.id
    WHERE t.delete_at IS NULL AND (
       coalesce(c.closed_through, date_trunc('month', t.created_at AT TIME ZONE 'UTC')::date) < {OPEN_SINCE}
       OR ({_ANYTHING.format(table="decisions_decision", column="created_at")})
       OR t.id IN (
           SELECT u.tenant_id FROM events_monthlyusage u LEFT JOIN events_usagecount c ON c.tenant_id = u.tenant_id
           WHERE u.active_at >= now() - interval '2 days' AND u.active_at > coalesce(c.counted_at, '-infinity')
       )
       OR t.id IN (
           SELECT u.tenant_id FROM events_usage u WHERE u.closed_at IS NULL AND u.correction > 0
             AND (date_trunc('month', u.starts_on) + interval '1 month')::date + u.correction
                 < (now() AT TIME ZONE 'UTC')::date
       )
    )
    ORDER BY t.created_at, t.id
"""


# --- Forgetting -----------------------------------------------------------------------------------------------------


def _any_row(table: str, where: str) -> str:
    return f"(SELECT true FROM {table} r WHERE r.tenant_id = t.id AND {where} LIMIT 1)"


def _before(column: str, days: float) -> str:
    return f"r.{column} < now() - interval '{days} days'"


# Suspended ones, too: a look in an index for each tenant and kind, once a night.
_PAST_THEIR_TIME = ", ".join(
    _any_row(table, where)
    for table, where in [
        ("decisions_decision", _before("created_at", forgetting.KEPT_DAYS)),
        ("decisions_intervention", _before("planned_at", forgetting.KEPT_DAYS)),
        ("delivery_action", _before("created_at", delivery.forgetting.KEPT_FOR.days)),
        (
            "delivery_attempt",
            f"{_before('started_at', delivery.forgetting.ANSWERS_KEPT_FOR.days)} AND r.response <> ''",
        ),
        ("learning_example", f"{_before('recorded_at', KEPT_DAYS)} AND r.features IS NULL"),
        ("learning_remembereddecision", _before("decided_at", KEPT_DAYS)),
    ]
)
_NOT_SETTLED = ", ".join(
    _any_row(table, where)
    for table, where in [
        ("decisions_decision", "r.closed_at IS NULL"),
        ("decisions_decision", f"r.cost_state = '{CostState.RESERVED.value}'"),
        (
            "decisions_intervention",
            f"r.status IN ({interventions.literals(FOLLOWED)}) AND r.sent_at > now() - interval '90 days'",
        ),
        ("delivery_actionchange", "r.due_at <= now()"),
    ]
)

TO_FORGET = f"""
    SELECT t.id FROM tenants_tenant t WHERE {rounds.KEPT} AND coalesce({_PAST_THEIR_TIME}, {_NOT_SETTLED})
    ORDER BY t.created_at, t.id
"""

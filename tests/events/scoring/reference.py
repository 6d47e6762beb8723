"""A user's history told in days before NOW, and what the formulas make of it, once more and plainly, in Python."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection

from events.scoring.formulas import Milestone, Thresholds
from events.scoring.services import score_users
from tenants.context import staff_context, tenant_context
from tenants.models import Tenant
from tests.conftest import Api

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class History:
    """`events` are (days before NOW, name); the user was created `age` days before NOW."""

    events: list[tuple[float, str]] = field(default_factory=list)
    age: float = 100
    traits: dict[str, Any] = field(default_factory=dict)
    stage: str = "new"
    stage_age: float = 100


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def write(api: Api, histories: dict[str, History]) -> None:
    """The users and their events, as if they had been received when they happened."""
    users = [
        {
            "u": user,
            "c": ago(h.age).isoformat(),
            "l": max((ago(days) for days, name in h.events if name != "$identify"), default=None),
            "t": h.traits,
            "s": h.stage,
            "a": ago(h.stage_age).isoformat(),
        }
        for user, h in histories.items()
    ]
    events = [{"u": user, "t": ago(days), "e": name} for user, h in histories.items() for days, name in h.events]
    parameters: dict[str, Any] = {
        "tenant": api.tenant_id,
        "users": msgspec.json.encode(users).decode(),
        "events": msgspec.json.encode(events).decode(),
        "now": NOW,
    }
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(_USERS, parameters)
        cursor.execute(_EVENTS, parameters)


def score(api: Api, history: History) -> dict[str, Any]:
    """What becomes of a user `u` with this history."""
    write(api, {"u": history})
    rescore(api, "u")
    return user(api, "u")


def rescore(api: Api, *users: str, now: datetime = NOW) -> int:
    with tenant_context(api.tenant_id):
        return score_users(tenant_id=api.tenant_id, user_ids=users, now=now)


def user(api: Api, user_id: str) -> dict[str, Any]:
    (row,) = query(
        api,
        "SELECT to_jsonb(k) FROM events_trackeduser k WHERE tenant_id = %s AND user_id = %s",
        api.tenant_id,
        user_id,
    )
    found = row[0] if isinstance(row[0], dict) else msgspec.json.decode(row[0])
    return dict(found)


def query(api: Api, sql: str, *parameters: Any) -> list[Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def configure(api: Api, scores: Any) -> None:
    with staff_context():
        Tenant.objects.filter(id=api.tenant_id).update(config={"scores": scores})


def reference(h: History, t: Thresholds | None = None) -> dict[str, Any]:
    """All of a user's scores. Every event is taken as received when it happened."""
    t = t or Thresholds()
    events = [(min(ago(days), NOW), name) for days, name in h.events if days <= 15]
    window = [(at, name) for at, name in events if at >= ago(14) and name != "$identify"]
    last = _last_activity(h)
    first = min([ago(h.age), NOW, *(at for at, _ in events)])
    idle = (NOW - last) / DAY if last else None

    reached = [m.name for m in t.milestones if _reached(m, events, first.date(), last)]
    activation = len(reached) / len(t.milestones)

    e = t.engagement
    recency = 0.0 if idle is None else 0.5 ** min(idle / e.half_life_days, 100)
    due = [d for d in e.retention_days if first + d * DAY <= NOW]
    met = [d for d in due if window and last and last >= first + d * DAY]
    engagement = _mean(
        (e.weights.frequency, min(len(_days(window)) / e.target_active_days, 1)),
        (e.weights.breadth, min(len(_names(window)) / e.target_events, 1)),
        (e.weights.recency, recency),
        (e.weights.retention, len(met) / len(due) if due else None),
    )

    x = t.expansion
    expansion = _mean(
        (x.weights.limit, _limit(h.traits.get(x.usage_trait), h.traits.get(x.limit_trait), x.limit_from)),
        (x.weights.gates, min(sum(name == x.gate_event for _, name in window) / x.target_gate_hits, 1)),
        (x.weights.signals, len({n for _, n in window} & set(x.signals)) / len(x.signals) if x.signals else None),
    )

    recent = _days([(at, name) for at, name in window if at >= ago(7)])
    earlier = _days([(at, name) for at, name in window if at < ago(7)])
    w = t.health.weights
    health = _mean(
        (w.engagement, engagement),
        (w.recency, recency),
        (w.trend, min(len(recent) / max(len(earlier), 1), 1)),
        (w.activation, activation),
    )
    stage = reference_stage(
        stage=h.stage,
        idle=idle,
        returned=last is not None and last > ago(h.stage_age),
        stage_age=h.stage_age,
        activation=activation,
        engagement=engagement,
        later_day=last is not None and last.date() > first.date(),
        t=t,
    )
    return {
        "activation_score": activation,
        "engagement_score": engagement,
        "expansion_score": expansion,
        "health": health,
        "events_14d": len(window),
        "lifecycle_stage": stage,
        "risk_level": _risk(stage, health, t),
        "milestones": sorted(reached),
    }


def _last_activity(h: History) -> datetime | None:
    return max((min(ago(days), NOW) for days, name in h.events if name != "$identify"), default=None)


def reference_stage(  # noqa: PLR0911 - a decision, read top-down
    *,
    stage: str,
    idle: float | None,
    returned: bool,
    stage_age: float,
    activation: float,
    engagement: float,
    later_day: bool,
    t: Thresholds,
) -> str:
    s = t.stages
    if idle is None:
        return "new"
    if idle >= s.at_risk_after_days:
        return "churned" if idle >= s.churned_after_days else "at_risk"
    if stage == "churned" and returned:
        return "recovered"
    if stage == "recovered" and stage_age < s.recovered_for_days:
        return "recovered"
    if activation >= s.onboarding_below_activation:
        return "active" if engagement >= s.at_risk_below_engagement else "at_risk"
    if stage in ("active", "recovered"):
        return "active"
    if stage in ("onboarding", "at_risk") or activation > 0 or later_day:
        return "onboarding"
    return "new"


def _reached(milestone: Milestone, events: list[tuple[datetime, str]], first_day: date, last: datetime | None) -> bool:
    if milestone.event is not None:
        return sum(name == milestone.event for _, name in events) >= milestone.count
    if milestone.distinct_events is not None:
        return len(_names(events)) >= milestone.distinct_events
    assert milestone.returned_after_days is not None
    return last is not None and (last.date() - first_day).days >= milestone.returned_after_days


def _mean(*parts: tuple[float, float | None]) -> float:
    known = [(weight, value) for weight, value in parts if value is not None]
    total = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / total if total else 0.0


def _limit(used: Any, most: Any, start: float) -> float | None:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (used, most)) or most <= 0:
        return None
    return float(min(max((used / most - start) / (1 - start), 0), 1))


def _risk(stage: str, health: float, t: Thresholds) -> str:
    if stage == "churned" or (stage != "new" and health < t.health.high_risk_below):
        return "high"
    return "medium" if stage == "at_risk" or health < t.health.medium_risk_below else "low"


def _days(events: list[tuple[datetime, str]]) -> set[date]:
    return {at.date() for at, _ in events}


def _names(events: list[tuple[datetime, str]]) -> set[str]:
    return {name for _, name in events if name != "$identify"}


_USERS = """
    INSERT INTO events_trackeduser (tenant_id, user_id, created_at, last_activity_at, traits, lifecycle_stage,
        stage_changed_at, name, email, company, role, locale, opted_out)
    SELECT %(tenant)s, u, c, l, t, s, a, '', '', '', '', '', false
    FROM jsonb_to_recordset(%(users)s::jsonb)
        AS r (u text, c timestamptz, l timestamptz, t jsonb, s text, a timestamptz)
"""

_EVENTS = """
    INSERT INTO events_event (tenant_id, received_at, timestamp, user_id, name, source, properties, retention_days,
        month)
    SELECT %(tenant)s, least(t, %(now)s), t, u, e, 'test', '{}', 90,
        date_trunc('month', least(t, %(now)s) AT TIME ZONE 'UTC')
    FROM jsonb_to_recordset(%(events)s::jsonb) AS r (u text, t timestamptz, e text)
"""

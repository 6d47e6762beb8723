"""What became of a tenant's decisions on their way: decided, sent, delivered, completed; and of those that fell out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

DAYS = 30
MOST = 20_000  # a page does not wait for more


@dataclass(frozen=True)
class Step:
    """`lost` is what became of those that came no further, by what a person calls it."""

    name: str
    count: int
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Funnel:
    """Of the decisions since `since`; `is_cut` where those are the newest `MOST`, and the `DAYS` may have more."""

    steps: Sequence[Step]
    since: datetime
    is_cut: bool


# What became of a decision, and which step it came to.
_LOST = (
    ("held_out", 0, "held out"),
    ("stopped", 0, "stopped by another guardrail"),
    ("nothing", 0, "left alone"),
    ("shadow", 0, "in shadow mode"),
    ("recommended", 0, "recommended, not dispatched"),
    ("waiting", 0, "waiting"),
    ("never_sent", 0, "given up before the first attempt"),
    ("on_its_way", 1, "still being tried"),
    ("failed", 1, "failed"),
    ("expired", 1, "expired"),
    ("gone", 1, "no longer kept"),
    ("no_outcome", 2, "without an outcome yet"),
    ("ignored", 2, "ignored"),
    ("rejected", 2, "rejected"),
)
_STEPS = ("Decided", "Sent", "Delivered", "Completed")
_COMPLETED = ("completed", "partial")


def funnel(*, tenant_id: UUID, now: datetime) -> Funnel | None:
    """Of the last `DAYS`; None where nothing was decided."""
    since = now - timedelta(days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"tenant_id": tenant_id, "since": since, "limit": MOST})
        rows = cursor.fetchall()
    if not rows:
        return None
    fates = {fate: count for fate, count, _ in rows}
    is_cut = sum(fates.values()) == MOST
    reached = [0] * len(_STEPS)
    reached[-1] = sum(fates.get(fate, 0) for fate in _COMPLETED)
    lost: list[dict[str, int]] = [{} for _ in _STEPS]
    for fate, step, words in _LOST:
        if found := fates.get(fate, 0):
            reached[step] += found
            lost[step][words] = found
    counts = [sum(reached[step:]) for step in range(len(_STEPS))]
    steps = [Step(*each) for each in zip(_STEPS, counts, lost, strict=True)]
    return Funnel(steps, min(first for *_, first in rows) if is_cut else since, is_cut)


# At most `limit` rows of the index (tenant, created_at, id), and an action for each by its key.
_COUNT = """
    WITH recent AS MATERIALIZED (
        SELECT created_at, stopped_by, action, shadow, action_id FROM decisions_decision
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(since)s
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s
    )
    SELECT CASE
        WHEN r.stopped_by = 'holdout' THEN 'held_out'
        WHEN r.stopped_by IS NOT NULL THEN 'stopped'
        WHEN r.action IS NULL THEN 'nothing'
        WHEN r.shadow THEN 'shadow'
        WHEN r.action_id IS NULL THEN 'recommended'
        WHEN a.status IS NULL THEN 'gone'
        WHEN a.outcome_status IS NOT NULL THEN a.outcome_status
        WHEN a.delivered_at IS NOT NULL THEN 'no_outcome'
        WHEN a.attempts = 0 AND a.status IN ('pending', 'dispatched') THEN 'waiting'
        WHEN a.attempts = 0 THEN 'never_sent'
        WHEN a.status IN ('failed', 'expired') THEN a.status
        ELSE 'on_its_way'
    END AS fate, count(*), min(r.created_at)
    FROM recent r LEFT JOIN LATERAL (
        SELECT status, attempts, delivered_at, outcome_status FROM delivery_action
        WHERE tenant_id = %(tenant_id)s AND id = r.action_id LIMIT 1
    ) a ON true
    GROUP BY fate
"""

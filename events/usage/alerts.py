"""What a partner is told of its customers' usage: thresholds that are reached, months that are closed.

What it is told is noted in the transaction of the event, in a row that there can be once. So whatever is killed, and
however many look at the same time, it is told of each once.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from events import metering
from events.models import UsageAlert, UsageMetric
from events.usage.counting import METRICS, OPEN_SINCE
from tenants import outbox
from tenants.context import tenant_context
from tenants.upkeep import rounds
from tenants.upkeep.rounds import Turn

BATCH = 500  # thresholds a transaction

# Partners that want to hear of something, and those that were not told of a month that is closed.
TO_WATCH = rounds.of(
    "SELECT tenant_id FROM events_usagealert",
    f"SELECT tenant_id FROM events_usagecount WHERE announced_through < {OPEN_SINCE}",  # noqa: S608 - our own constant
)


class Alert(msgspec.Struct):
    """Shares of `limit` in per cent; of the plans' limits where that is None."""

    metric: str
    scope: str
    thresholds: list[int]
    limit: int | str | None


def list_alerts(*, partner_id: UUID) -> list[Alert]:
    found = UsageAlert.objects.filter(tenant_id=partner_id).order_by("metric", "scope")
    return [_shown(each) for each in found]


def set_alert(
    *, actor: str, partner_id: UUID, metric: str, scope: str, thresholds: Sequence[int], limit: Decimal | None
) -> Alert:
    """Replace what the partner wants to hear of a metric; with no thresholds it hears nothing of it.

    What was told stays told: a threshold that is set anew is not reached a second time in the same month.
    """
    key: dict[str, Any] = {"tenant_id": partner_id, "metric": metric, "scope": scope}
    wanted = sorted(thresholds)
    with connection.cursor() as cursor:
        # Two at the same time would both find none.
        cursor.execute("SELECT FROM tenants_tenant WHERE id = %s FOR NO KEY UPDATE", [partner_id])
    before = UsageAlert.objects.filter(**key).first()
    alert = UsageAlert(**key, thresholds=wanted, allowance=limit)
    if (before and (before.thresholds, before.allowance)) != ((wanted, limit) if wanted else None):
        if wanted:
            alert.save(force_insert=before is None)
        else:
            UsageAlert.objects.filter(**key).delete()
        outbox.record(
            actor=actor,
            action="usage_alert.changed",
            tenant_id=partner_id,
            target=outbox.Target("usage_alert", f"{metric}/{scope}"),
            data={"metric": metric, "scope": scope, "thresholds": wanted, "limit": number(metric, limit)},
            previous=None if before is None else _values(before),
        )
    return _shown(alert)


def _shown(alert: UsageAlert) -> Alert:
    limit = number(alert.metric, alert.allowance)
    return Alert(metric=alert.metric, scope=alert.scope, thresholds=alert.thresholds, limit=limit)


def _values(alert: UsageAlert) -> dict[str, Any]:
    return {"thresholds": alert.thresholds, "limit": number(alert.metric, alert.allowance)}


def number(metric: str, value: Decimal | None) -> Any:
    """As it is on the wire: money as a text with all digits that are stored, and counts as integers."""
    if value is None:
        return None
    return f"{value:.6f}" if metric == UsageMetric.ACTION_COST_USD else int(value)


# --- The round ------------------------------------------------------------------------------------------------------


class _Reached(NamedTuple):
    tenant_id: UUID
    period: Any
    metric: str
    threshold: int
    used: Decimal
    allowance: Decimal


def watch(partner_id: UUID, turn: Turn | None = None) -> None:
    """Tell the partner what there is to tell. For a periodic job.

    Raises:
        TurnOver: there is more.
    """
    turn = turn or Turn()
    while _reach(partner_id):
        turn.check()
    while _announce(partner_id):
        turn.check()


def _reach(partner_id: UUID, batch: int = BATCH) -> bool:
    """Tell of thresholds; whether there may be more."""
    with tenant_context(partner_id), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM reach_thresholds(%s)", [batch])
        reached = [_Reached(*row) for row in cursor.fetchall()]
        for each in reached:
            outbox.announce(
                action="usage.threshold_reached",
                tenant_id=each.tenant_id,
                data={
                    "month": metering.named(each.period),
                    "metric": each.metric,
                    "scope": "fleet" if each.tenant_id == partner_id else "each_customer",
                    "threshold": each.threshold,
                    "used": number(each.metric, each.used),
                    "limit": number(each.metric, each.allowance),
                },
            )
    return len(reached) == batch


def _announce(partner_id: UUID) -> bool:
    """Tell of a month that is closed for all customers; whether there was one."""
    with tenant_context(partner_id), connection.cursor() as cursor:
        cursor.execute(_NEXT_MONTH, {"partner_id": partner_id})
        row = cursor.fetchone()
        if row is None:
            return False
        (month,) = row
        cursor.execute(_TOTALS, {"month": month})
        customers, *totals = cursor.fetchone()
        used = {name: number(name, value) for name, value in zip(METRICS, totals, strict=True)}
        outbox.announce(
            action="usage.month_closed",
            tenant_id=partner_id,
            data={"month": metering.named(month), "customers": customers, **used},
        )
    return True


# A partner without customers is told of nothing, once it has some.
_NEXT_MONTH = f"""
    WITH open AS MATERIALIZED (
        SELECT least(customers_closed_through(), {OPEN_SINCE}) AS month, customers_closed_through() IS NULL AS nobody
    ), skipped AS (
        UPDATE events_usagecount c SET announced_through = o.month FROM open o
        WHERE c.tenant_id = %(partner_id)s AND o.nobody AND c.announced_through < o.month
    )
    UPDATE events_usagecount c SET announced_through = (c.announced_through + interval '1 month')::date
    FROM open o WHERE c.tenant_id = %(partner_id)s AND NOT o.nobody AND c.announced_through < o.month
    RETURNING (c.announced_through - interval '1 month')::date
"""  # noqa: S608 - of our own constant

_TOTALS = f"""
    SELECT count(*), {", ".join(f"coalesce(sum({name}), 0)" for name in METRICS)}
    FROM usage_of_periods('month', %(month)s, %(month)s, NULL, NULL, NULL, NULL, NULL, NULL) WHERE correction = 0
"""  # noqa: S608 - of our own names

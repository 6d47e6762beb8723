"""What staff see of usage, on a tenant's page: its months. Of a partner also those of all customers together, what it
wants to hear and what it heard. No end user."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Now

from events import metering
from events.models import ReachedThreshold, Usage, UsageAlert, UsageMetric, UsageUnit
from events.usage.alerts import number
from events.usage.counting import METRICS
from retivo.staff.lists import TooSlowError, patience
from retivo.staff.pages import ROWS_SHOWN, Table, badge, day, link, url_of
from tenants.models import Tenant

_METRICS = ["Active users", "Events", "Decisions", "Delivered", "Outcomes", "Cost, USD"]  # of `METRICS`
_BADGES = {"Final": "success", "Open": "info"}


def usage_table(tenant: Tenant) -> Table:
    """The tenant's months, newest first, each with its corrections behind it."""
    months = Usage.objects.filter(tenant=tenant, unit=UsageUnit.MONTH).order_by("-starts_on", "correction")
    return Table(
        title="Usage by month",
        headers=["Month", "", *_METRICS, "Counted at"],
        rows=[
            (
                f"{metering.named(each.starts_on)}{', correction' if each.correction else ''}",
                badge("Final" if each.closed_at else "Open", _BADGES),
                *_numbers(vars(each)),
                f"{each.counted_at:%Y-%m-%d %H:%M}",
            )
            for each in months[:ROWS_SHOWN]
        ],
        total=months.count(),
    )


def fleet_table(partner: Tenant) -> Table:
    """What all of its customers used together, by month, with corrections."""
    months = Usage.objects.filter(
        tenant__parent=partner, unit=UsageUnit.MONTH, starts_on__gt=Now() - timedelta(days=365)
    )
    by_month = months.values("starts_on").annotate(
        customers=Count("tenant", filter=Q(correction=0)),
        unfinished=Count("tenant", filter=Q(closed_at=None)),
        **{name: Sum(name) for name in METRICS},
    )
    try:
        with patience():
            rows: list[Sequence[Any]] = [
                (
                    metering.named(each["starts_on"]),
                    badge("Open" if each["unfinished"] else "Final", _BADGES),
                    f"{each['customers']:,}",
                    *_numbers(each),
                )
                for each in by_month.order_by("-starts_on")
            ]
    except TooSlowError:
        rows = [("It takes too long to add up. The customers' own pages have theirs.",)]
    return Table(
        title="Usage of all customers by month",
        headers=["Month", "", "Customers", *_METRICS],
        rows=rows,
        total=len(rows),
    )


def _numbers(row: Mapping[str, Any]) -> list[str]:
    """In the order of `_METRICS`."""
    return [f"{row[name]:,.2f}" if name == UsageMetric.ACTION_COST_USD else f"{row[name]:,}" for name in METRICS]


def alerts_table(partner: Tenant) -> Table:
    """Of what the partner wants to hear."""
    alerts = UsageAlert.objects.filter(tenant=partner).order_by("metric", "scope")
    return Table(
        title="Usage alerts",
        headers=["Metric", "Of", "Per cent", "Limit"],
        rows=[
            (
                each.get_metric_display(),
                each.get_scope_display(),
                ", ".join(map(str, each.thresholds)),
                "The plans'" if each.allowance is None else number(each.metric, each.allowance),
            )
            for each in alerts
        ],
        total=len(alerts),
    )


def reached_table(partner: Tenant) -> Table:
    """What the partner was told lately."""
    reached = ReachedThreshold.objects.filter(partner=partner).order_by("-period", "-reached_at")
    return Table(
        title="Thresholds reached",
        headers=["Month", "Customer", "Metric", "Per cent", "Used", "Limit", "Told on"],
        rows=[
            (
                metering.named(each.period),
                "All" if each.tenant_id == partner.id else link(url_of(each.tenant), each.tenant.name),
                each.get_metric_display(),
                each.threshold,
                number(each.metric, each.used),
                number(each.metric, each.allowance),
                day(each.reached_at),
            )
            for each in reached.select_related("tenant")[:ROWS_SHOWN]
        ],
        total=reached.count(),
    )

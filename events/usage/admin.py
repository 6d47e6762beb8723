"""What staff see of usage, on a tenant's page: months, and what a partner wants to hear and heard. No end user."""

from events import metering
from events.models import ReachedThreshold, Usage, UsageAlert, UsageUnit
from events.usage.alerts import number
from retivo.staff.pages import ROWS_SHOWN, Table, badge, day, link, url_of
from tenants.models import Tenant

_BADGES = {"Final": "success", "Open": "info"}


def usage_table(tenant: Tenant) -> Table:
    """The tenant's months, newest first, each with its corrections behind it."""
    months = Usage.objects.filter(tenant=tenant, unit=UsageUnit.MONTH).order_by("-starts_on", "correction")
    return Table(
        title="Usage by month",
        headers=[
            "Month",
            "",
            "Active users",
            "Events",
            "Decisions",
            "Delivered",
            "Outcomes",
            "Cost, USD",
            "Counted at",
        ],
        rows=[
            (
                f"{metering.named(each.starts_on)}{', correction' if each.correction else ''}",
                badge("Final" if each.closed_at else "Open", _BADGES),
                f"{each.active_users:,}",
                f"{each.events:,}",
                f"{each.decisions:,}",
                f"{each.actions_delivered:,}",
                f"{each.outcomes:,}",
                f"{each.action_cost_usd:,.2f}",
                f"{each.counted_at:%Y-%m-%d %H:%M}",
            )
            for each in months[:ROWS_SHOWN]
        ],
        total=months.count(),
    )


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

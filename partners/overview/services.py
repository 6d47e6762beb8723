"""A partner's customers in numbers, and patterns of its action types, in its tenant context."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from decisions.lift import services as lift
from events import metering
from learning.patterns import library
from partners.customers.queries import LIST, MATCHING, CustomerFilter, Page, is_whole, page_of, rows_of
from tenants.models import PlanStatus, PlanTier


class CustomerInBrief(msgspec.Struct):
    """A customer as the stats show it."""

    tenant_id: UUID
    name: str
    plan_tier: str
    tracked_user_limit: int
    created_at: datetime
    usage: metering.Usage


def partner_stats(*, partner_id: UUID, where: CustomerFilter, page: Page, month: date | None = None) -> dict[str, Any]:
    """The same list in brief, with each customer's use of a month, all of it added up, and whether acting helps.

    The month is the present one where None. Whether acting helps is told over all customers, whatever the filter: two
    answers that differ by one customer would tell of that one.
    """
    asked = {"partner_id": partner_id, "month": month, **where.parameters}
    rows, next_cursor = page_of(_USED, asked, page)
    named = metering.named(rows[0][-1])
    if rows[0][0] is None:  # a row of the month alone: the page has no customer
        rows = []
    customers = [
        CustomerInBrief(
            tenant_id, name, plan_tier, limit, created_at, metering.Usage(named, active_users, limit, events)
        )
        for tenant_id, name, _, plan_tier, _, limit, created_at, active_users, events, _ in rows
    ]
    if is_whole(page, next_cursor):
        totals = [(row[3], row[4], 1, row[7], row[8]) for row in rows]
    else:
        totals = rows_of(_TOTALS, asked)
    by_plan_tier = dict.fromkeys(PlanTier.values, 0)
    by_plan_status = dict.fromkeys(PlanStatus.values, 0)
    for plan_tier, plan_status, count, _, _ in totals:
        by_plan_tier[plan_tier] += count
        by_plan_status[plan_status] += count
    used = {"active_users": sum(row[3] for row in totals), "events": sum(row[4] for row in totals)}
    return {
        "total_customers": sum(by_plan_tier.values()),
        "by_plan_tier": by_plan_tier,
        "by_plan_status": by_plan_status,
        "usage": {"month": named, **used},
        "lift": lift.lift_of_customers(),
        "customers": customers,
        "next_cursor": next_cursor,
    }


def list_patterns(*, partner_id: UUID) -> dict[str, Any]:
    """The newest patterns of the partner's action types."""
    found = library.of_partner(partner_id=partner_id)
    return {"patterns": found, "total": len(found)}


# The function is called once, whatever the number of customers, and of a page asked for those on it alone. There is a
# row also of an empty page, for the month.
_USED = f"""
    WITH page AS MATERIALIZED ({LIST})
    SELECT page.*, coalesce(u.active_users, 0), coalesce(u.events, 0), this.month
    FROM (SELECT {metering.MONTH}) AS this (month) LEFT JOIN page ON true LEFT JOIN usage_of_customers(
        {metering.MONTH}, CASE WHEN %(limit)s::int IS NOT NULL THEN ARRAY(SELECT id FROM page) END
    ) u ON u.tenant_id = page.id
    ORDER BY page.created_at, page.id
"""

_TOTALS = f"""
    SELECT t.plan_tier, t.plan_status, count(*),
        coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
    FROM (SELECT t.id, t.plan_tier, t.plan_status {MATCHING}) t
    LEFT JOIN usage_of_customers({metering.MONTH}) u ON u.tenant_id = t.id
    GROUP BY t.plan_tier, t.plan_status
"""

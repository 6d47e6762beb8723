"""A partner's customers in numbers, and patterns of its action types, in its tenant context."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from decisions.lift import services as lift
from events import metering
from learning.patterns import library
from partners.customers.listing import (
    COLUMN_NAMES,
    WIDTH,
    Customer,
    CustomerFilter,
    Page,
    is_whole,
    page_of,
    rows_of,
    statement,
)
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
    rows, next_cursor = page_of(_used(where, page), asked, page)
    named = metering.named(rows[0][-1])
    if rows[0][0] is None:  # a row of the month alone: the page has no customer
        rows = []
    customers = [_in_brief(row, named) for row in rows]
    if is_whole(page, next_cursor):
        totals = [(row.plan_tier, status, 1, row.usage.active_users, row.usage.events) for row, status in customers]
    else:
        totals = rows_of(_totals(where), asked)
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
        "customers": [customer for customer, _ in customers],
        "next_cursor": next_cursor,
    }


def list_patterns(*, partner_id: UUID) -> dict[str, Any]:
    """The newest patterns of the partner's action types."""
    found = library.of_partner(partner_id=partner_id)
    return {"patterns": found, "total": len(found)}


def _in_brief(row: tuple[Any, ...], month: str) -> tuple[CustomerInBrief, str]:
    """A customer, and its plan's status, which the stats count alone."""
    customer, (active_users, events, _) = Customer.of(row), row[WIDTH:]
    usage = metering.Usage(month, active_users, customer.tracked_user_limit, events)
    names = CustomerInBrief.__struct_fields__[:-1]
    return CustomerInBrief(**{name: getattr(customer, name) for name in names}, usage=usage), customer.plan_status


def _used(where: CustomerFilter, page: Page) -> str:
    """The page with each customer's use of the month; of an empty one a row all the same, for the month.

    `usage_of_customers` is called once, whatever the number of customers, and of a page asked for those on it alone.
    """
    asked_for = "NULL" if page.limit is None else "ARRAY(SELECT id FROM page)"
    return f"""
        WITH page AS MATERIALIZED (
            SELECT listed.*, row_number() OVER () AS place FROM ({statement(where, page)}) listed
        )
        SELECT {", ".join(f"page.{name}" for name in COLUMN_NAMES)},
            coalesce(u.active_users, 0), coalesce(u.events, 0), this.month
        FROM (SELECT {metering.MONTH}) AS this (month) LEFT JOIN page ON true
        LEFT JOIN usage_of_customers({metering.MONTH}, {asked_for}) u ON u.tenant_id = page.id
        ORDER BY page.place
    """


def _totals(where: CustomerFilter) -> str:
    return f"""
        SELECT t.plan_tier, t.plan_status, count(*),
            coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
        FROM (SELECT t.id, t.plan_tier, t.plan_status {where.matching}) t
        LEFT JOIN usage_of_customers({metering.MONTH}) u ON u.tenant_id = t.id
        GROUP BY t.plan_tier, t.plan_status
    """

"""What a partner does with its customers. Every function runs in the partner's tenant context.

The list and the look-up carry load, so they are SQL; each names the partner although row-level security would do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import connection

from decisions.lift import services as lift
from events import metering
from integrations import services as integrations
from learning.patterns import library
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.pagination import Cursor
from tenants import audit
from tenants import services as tenants
from tenants.access.authentication import Query
from tenants.config import inherited, patched
from tenants.models import PlanStatus, PlanTier, Tenant

DEFAULT_TRACKED_USER_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class CustomerFilter:
    """Which customers a list holds; None does not filter. `q` is a part of the name, whatever its case."""

    plan_tier: str | None = None
    plan_status: str | None = None
    slug: str | None = None
    q: str | None = None

    @property
    def parameters(self) -> dict[str, str | None]:
        return {"plan_tier": self.plan_tier, "plan_status": self.plan_status, "slug": self.slug, "q": self.q}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A stretch of the list: all of it where `limit` is None."""

    limit: int | None = None
    after: Cursor | None = None


class Customer(msgspec.Struct):
    """A customer as the list shows it."""

    tenant_id: UUID
    name: str
    slug: str
    plan_tier: str
    plan_status: str
    tracked_user_limit: int
    created_at: datetime


class CustomerInBrief(msgspec.Struct):
    """A customer as the stats show it."""

    tenant_id: UUID
    name: str
    plan_tier: str
    tracked_user_limit: int
    created_at: datetime
    usage: metering.Usage


_OWN = len(Customer.__struct_fields__)


def list_customers(*, partner_id: UUID, where: CustomerFilter, page: Page) -> dict[str, Any]:
    """The partner's customers, oldest first. `total` counts what the filter matches, on all pages."""
    asked = {"partner_id": partner_id, **where.parameters}
    rows, next_cursor = _page(_LIST, asked, page)
    total = len(rows) if _is_everything(page, next_cursor) else _all(_COUNT, asked)[0][0]
    return {"customers": [Customer(*row) for row in rows], "total": total, "next_cursor": next_cursor}


def partner_stats(*, partner_id: UUID, where: CustomerFilter, page: Page) -> dict[str, Any]:
    """The same list in brief, with each customer's use of this month, all of it added up, and whether acting helps.

    The last is over all customers, whatever the filter: two answers that differ by one customer would tell of that one.
    """
    month = metering.this_month()
    asked = {"partner_id": partner_id, **where.parameters, "month": month}
    rows, next_cursor = _page(_USED, asked, page)
    named = metering.named(month)
    customers = [
        CustomerInBrief(
            tenant_id, name, plan_tier, limit, created_at, metering.Usage(named, active_users, limit, events)
        )
        for tenant_id, name, _, plan_tier, _, limit, created_at, active_users, events in rows
    ]
    if _is_everything(page, next_cursor):
        totals = [(row[3], row[4], 1, row[7], row[8]) for row in rows]
    else:
        totals = _all(_TOTALS, asked)
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


def customer_query(customer_id: UUID) -> Query:
    """Asks for one of the caller's customers; `customer_detail` reads the answer."""
    return Query(sql=_GET, parameters={"customer_id": customer_id, "month": metering.this_month()})


def customer_detail(row: tuple[Any, ...] | None) -> dict[str, Any]:
    """All about one customer but its keys' texts and its users' data.

    Raises:
        Problem: 404 if the partner has no such customer.
    """
    if row is None:
        raise not_found()
    customer = Customer(*row[:_OWN])
    kill_switch_active, shadow_mode, month, active_users, events, config, shared, api_keys, total, active = row[_OWN:]
    return {
        **msgspec.structs.asdict(customer),
        "tenant_role": "customer",
        "kill_switch_active": kill_switch_active,
        "shadow_mode": shadow_mode,
        "config": msgspec.json.decode(config),
        "usage": metering.Usage(month, active_users, customer.tracked_user_limit, events),
        "integrations": msgspec.json.decode(shared),
        "api_keys": msgspec.json.decode(api_keys),
        "action_types": {"total": total, "active": active},
    }


def change_customer(*, actor: str, partner_id: UUID, customer_id: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change fields of a customer, `config` by JSON Merge Patch, and answer as `customer_detail` does.

    Raises:
        Problem: 404 if the partner has no such customer; what `tenants.services.change_settings` raises.
    """
    try:
        tenants.change_settings(actor=actor, tenant_id=customer_id, partner_id=partner_id, changes=changes)
    except Tenant.DoesNotExist as error:
        raise not_found() from error
    (row,) = _all(
        f"SELECT answer.* FROM (SELECT %(partner_id)s::uuid AS tenant_id) AS caller, LATERAL ({_GET}) AS answer",
        {"partner_id": partner_id, "customer_id": customer_id, "month": metering.this_month()},
    )
    return customer_detail(row)


def provision_customer(
    *,
    actor: str,
    partner_id: UUID,
    name: str,
    slug: str,
    plan_tier: str | None = None,
    tracked_user_limit: int = DEFAULT_TRACKED_USER_LIMIT,
    config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A customer tenant with its key, and with the partner's active integrations and their action types.

    Args:
        plan_tier: the partner's own where None.
        config: merged over the partner's by JSON Merge Patch (RFC 7396), as it stands now.

    Raises:
        Problem: 400 for a config that Retivo cannot act on; 409 `slug_taken` if the partner has a customer with this
            slug.
    """
    customer_id = uuid4()
    with connection.cursor() as cursor:
        cursor.execute("SELECT plan_tier, config::text FROM tenants_tenant WHERE id = %s", [partner_id])
        partner_tier, partner_config = cursor.fetchone()
        plan_tier = plan_tier or partner_tier
        cursor.execute(
            _INSERT,
            {
                "id": customer_id,
                "partner_id": partner_id,
                "name": name,
                "slug": slug,
                "plan_tier": plan_tier,
                "tracked_user_limit": tracked_user_limit,
                "config": encode(
                    patched(inherited(msgspec.json.decode(partner_config)), config or {}, by_partner=True)
                ).decode(),
            },
        )
        if cursor.rowcount == 0:
            raise Problem(409, "slug_taken", f"You have a customer with the slug `{slug}` already.")
    key = tenants.issue_key(actor=actor, tenant_id=customer_id, scopes=tenants.FULL_ACCESS, label="Provisioned")
    shared = integrations.share_all(partner_id=partner_id, customer_id=customer_id)
    audit.record(actor=actor, action="customer.provisioned", tenant_id=customer_id, slug=slug, shared=shared)
    return {
        "customer": {
            "tenant_id": customer_id,
            "name": name,
            "slug": slug,
            "plan_tier": plan_tier,
            "api_key": key.text,
        },
        "integrations_shared": shared,
        "warm_start": library.warm_start(partner_id=partner_id, customer_id=customer_id),
    }


def share_integration(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """Give a customer an integration. Doing it again changes nothing and answers the same.

    Raises:
        Problem: 404 unless both are the partner's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM tenants_tenant WHERE id = %(customer_id)s AND parent_id = %(partner_id)s",
            {"customer_id": customer_id, "partner_id": partner_id},
        )
        if cursor.fetchone() is None:
            raise not_found()
    registered = integrations.share(
        actor=actor, partner_id=partner_id, integration_id=integration_id, customer_id=customer_id
    )
    warm = library.warm_start(partner_id=partner_id, customer_id=customer_id, integration_id=integration_id)
    return {"shared": True, "action_types_registered": registered, "warm_start": warm}


def list_patterns(*, partner_id: UUID) -> dict[str, Any]:
    """The newest patterns of the partner's action types."""
    found = library.of_partner(partner_id=partner_id)
    return {"patterns": found, "total": len(found)}


def _page(sql: str, asked: Mapping[str, Any], page: Page) -> tuple[list[tuple[Any, ...]], str | None]:
    """Rows that begin with a customer's columns, and the cursor of the next page."""
    rows = _all(
        sql,
        {
            **asked,
            "after_created_at": page.after and page.after.created_at,
            "after_id": page.after and page.after.id,
            # One more than asked for tells whether there is a next page.
            "limit": page.limit and page.limit + 1,
        },
    )
    if page.limit is None or len(rows) <= page.limit:
        return rows, None
    rows.pop()
    last = Customer(*rows[-1][:_OWN])
    return rows, str(Cursor(created_at=last.created_at, id=last.tenant_id))


def _is_everything(page: Page, next_cursor: str | None) -> bool:
    return next_cursor is None and page.after is None


def _all(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


_COLUMNS = "t.id, t.name, t.slug, t.plan_tier, t.plan_status, t.tracked_user_limit, t.created_at"

_MATCHING = """
    FROM tenants_tenant t
    WHERE t.parent_id = %(partner_id)s
      AND (%(plan_tier)s::text IS NULL OR t.plan_tier = %(plan_tier)s)
      AND (%(plan_status)s::text IS NULL OR t.plan_status = %(plan_status)s)
      AND (%(slug)s::text IS NULL OR t.slug = %(slug)s)
      AND (%(q)s::text IS NULL OR strpos(lower(t.name), lower(%(q)s)) > 0)
"""

_LIST = f"""
    SELECT {_COLUMNS} {_MATCHING}
      AND (%(after_created_at)s::timestamptz IS NULL
           OR (t.created_at, t.id) > (%(after_created_at)s, %(after_id)s::uuid))
    ORDER BY t.created_at, t.id
    LIMIT %(limit)s::int
"""

_COUNT = f"SELECT count(*) {_MATCHING}"

# The function is called once, whatever the number of customers, and of a page asked for those on it alone.
_USED = f"""
    WITH page AS MATERIALIZED ({_LIST})
    SELECT page.*, coalesce(u.active_users, 0), coalesce(u.events, 0)
    FROM page LEFT JOIN usage_of_customers(
        %(month)s, CASE WHEN %(limit)s::int IS NOT NULL THEN ARRAY(SELECT id FROM page) END
    ) u ON u.tenant_id = page.id
    ORDER BY page.created_at, page.id
"""

_TOTALS = f"""
    SELECT t.plan_tier, t.plan_status, count(*),
        coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
    FROM (SELECT t.id, t.plan_tier, t.plan_status {_MATCHING}) t
    LEFT JOIN usage_of_customers(%(month)s) u ON u.tenant_id = t.id
    GROUP BY t.plan_tier, t.plan_status
"""


def _rfc3339(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


_GET = f"""
    SELECT {_COLUMNS}, t.kill_switch_active, t.shadow_mode,
        to_char(%(month)s::date, 'YYYY-MM'), u.active_users, u.events, t.config::text,
        (SELECT coalesce(json_agg(json_build_object(
                    'id', i.id, 'provider', i.provider, 'display_name', i.display_name, 'domain', i.domain,
                    'active', i.active, 'shared_at', {_rfc3339("s.created_at")}
                ) ORDER BY s.created_at, s.id), '[]')::text
           FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
          WHERE s.tenant_id = t.id AND s.partner_id = caller.tenant_id),
        (SELECT coalesce(json_agg(json_build_object(
                    'id', k.id, 'prefix', k.prefix, 'label', k.label,
                    'scope', array_to_string(k.scopes, ' '), 'scopes', k.scopes,
                    'last_used_at', {_rfc3339("k.last_used_at")}, 'expires_at', {_rfc3339("k.expires_at")},
                    'revoked_at', {_rfc3339("k.revoked_at")}, 'created_at', {_rfc3339("k.created_at")}
                ) ORDER BY k.created_at, k.id), '[]')::text
           FROM tenants_apikey k WHERE k.tenant_id = t.id),
        coalesce(a.total, 0), coalesce(a.active, 0)
    FROM tenants_tenant t
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE active) AS active
        FROM integrations_actiontype WHERE tenant_id = t.id AND partner_id = caller.tenant_id
    ) a
    CROSS JOIN LATERAL usage_of_customer(%(month)s, t.id) u
    WHERE t.id = %(customer_id)s AND t.parent_id = caller.tenant_id
"""

_INSERT = """
    INSERT INTO tenants_tenant
        (id, name, slug, tenant_role, parent_id, plan_tier, plan_status, tracked_user_limit, config)
    VALUES (%(id)s, %(name)s, %(slug)s, 'customer', %(partner_id)s, %(plan_tier)s, 'active', %(tracked_user_limit)s,
            %(config)s::jsonb)
    ON CONFLICT (parent_id, slug) DO NOTHING
"""

"""A partner's customers, read. The list and the look-up carry load, so they are SQL.

Each statement names the partner, although row-level security would do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events import metering
from retivo.api.errors import not_found
from retivo.api.pagination import Cursor, cut
from tenants import config
from tenants.access.authentication import Query


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


_OWN = len(Customer.__struct_fields__)
_CREATED_AT = Customer.__struct_fields__.index("created_at")


def list_customers(*, partner_id: UUID, where: CustomerFilter, page: Page) -> dict[str, Any]:
    """The partner's customers, oldest first. `total` counts what the filter matches, on all pages."""
    asked = {"partner_id": partner_id, **where.parameters}
    rows, next_cursor = page_of(LIST, asked, page)
    total = len(rows) if is_whole(page, next_cursor) else rows_of(_COUNT, asked)[0][0]
    return {"customers": [Customer(*row) for row in rows], "total": total, "next_cursor": next_cursor}


def customer_query(customer_id: UUID) -> Query:
    """Asks for one of the caller's customers; `customer_detail` reads the answer."""
    return Query(sql=DETAIL, parameters={"customer_id": customer_id})


def customer_detail(row: tuple[Any, ...] | None) -> dict[str, Any]:
    """All about one customer but its keys' texts and its users' data.

    Raises:
        Problem: 404 if the partner has no such customer.
    """
    if row is None:
        raise not_found()
    customer = Customer(*row[:_OWN])
    kill_switch_active, shadow_mode, month, active_users, events, *configs, shared, api_keys, total, active = row[_OWN:]
    of_tenant, by_partner, learning = configs
    own = msgspec.json.decode(by_partner)
    return {
        **msgspec.structs.asdict(customer),
        "tenant_role": "customer",
        "kill_switch_active": kill_switch_active,
        "shadow_mode": shadow_mode,
        "config": own,
        "effective": config.in_force(msgspec.json.decode(of_tenant), own, learning=learning),
        "usage": metering.Usage(month, active_users, customer.tracked_user_limit, events),
        "integrations": msgspec.json.decode(shared),
        "api_keys": msgspec.json.decode(api_keys),
        "action_types": {"total": total, "active": active},
    }


def page_of(sql: str, asked: Mapping[str, Any], page: Page) -> tuple[list[tuple[Any, ...]], str | None]:
    """Rows that begin with a customer's columns, and the cursor of the next page."""
    rows = rows_of(
        sql,
        {
            **asked,
            "after_created_at": page.after and page.after.created_at,
            "after_id": page.after and page.after.id,
            "limit": page.limit and page.limit + 1,
        },
    )
    return cut(rows, page.limit, lambda row: (row[_CREATED_AT], row[0]))


def is_whole(page: Page, next_cursor: str | None) -> bool:
    return next_cursor is None and page.after is None


def rows_of(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


_COLUMNS = "t.id, t.name, t.slug, t.plan_tier, t.plan_status, t.tracked_user_limit, t.created_at"

MATCHING = """
    FROM tenants_tenant t
    WHERE t.parent_id = %(partner_id)s
      AND (%(plan_tier)s::text IS NULL OR t.plan_tier = %(plan_tier)s)
      AND (%(plan_status)s::text IS NULL OR t.plan_status = %(plan_status)s)
      AND (%(slug)s::text IS NULL OR t.slug = %(slug)s)
      AND (%(q)s::text IS NULL OR strpos(lower(t.name) COLLATE "C", lower(%(q)s) COLLATE "C") > 0)
"""

LIST = f"""
    SELECT {_COLUMNS} {MATCHING}
      AND (%(after_created_at)s::timestamptz IS NULL
           OR (t.created_at, t.id) > (%(after_created_at)s, %(after_id)s::uuid))
    ORDER BY t.created_at, t.id
    LIMIT %(limit)s::int
"""

_COUNT = f"SELECT count(*) {MATCHING}"


def _rfc3339(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


DETAIL = f"""
    SELECT {_COLUMNS}, t.kill_switch_active, t.shadow_mode,
        to_char({metering.THIS_MONTH}, 'YYYY-MM'), u.active_users, u.events,
        -- The customer's own word on learning is in neither of the last two.
        t.config::text, t.config_by_partner::text,
        (SELECT stricter_consent(t.config, p.config) FROM tenants_tenant p WHERE p.id = t.parent_id),
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
                    'revoked_at', {_rfc3339("k.revoked_at")}, 'revoked_reason', k.revoked_reason,
                    'created_at', {_rfc3339("k.created_at")}
                ) ORDER BY k.created_at, k.id), '[]')::text
           FROM tenants_apikey k WHERE k.tenant_id = t.id),
        coalesce(a.total, 0), coalesce(a.active, 0)
    FROM tenants_tenant t
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE active) AS active
        FROM integrations_actiontype WHERE tenant_id = t.id AND partner_id = caller.tenant_id
    ) a
    CROSS JOIN LATERAL usage_of_customer({metering.THIS_MONTH}, t.id) u
    WHERE t.id = %(customer_id)s AND t.parent_id = caller.tenant_id
"""

"""What a key is told of itself, in the statement that looks it up."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenants import plans
from tenants.access.authentication import Caller, Query
from tenants.api_keys.queries import STATUS
from tenants.api_keys.rules import MAX_ACTIVE
from tenants.controls.state import EFFECTIVE, Effective, amount, number
from tenants.models import PlanTier


class Tenant(msgspec.Struct):
    id: UUID
    name: str
    slug: str
    tenant_role: str
    plan_tier: str
    plan_status: str
    created_at: datetime


class Key(msgspec.Struct):
    id: UUID
    prefix: str
    label: str
    mode: str
    status: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None


_TENANT, _KEY, _STATE = (len(of.__struct_fields__) for of in (Tenant, Key, Effective))


def query() -> Query:
    """Asks for it; `me` reads the answer."""
    return Query(sql=_ME, parameters={})


def me(caller: Caller, row: tuple[Any, ...]) -> dict[str, Any]:
    """The tenant, the key, all that it may do, the tenant's limits and its state."""
    tenant, row = Tenant(*row[:_TENANT]), row[_TENANT:]
    key, row = Key(*row[:_KEY]), row[_KEY:]
    effective, (tracked_users, largest_budget, smallest_holdout) = Effective.of(row[:_STATE]), row[_STATE:]
    return {
        "tenant": tenant,
        "key": key,
        "scopes": sorted(caller.scopes),
        "limits": {
            "tracked_users": tracked_users,
            **plans.LIMITS[PlanTier(tenant.plan_tier)]._asdict(),
            "api_keys": MAX_ACTIVE,
            "action_budget_usd_max": amount(largest_budget),
            "holdout_percent_min": number(smallest_holdout),
        },
        "effective": effective,
    }


_ME = f"""
    SELECT t.id, t.name, t.slug, t.tenant_role, t.plan_tier, t.plan_status, t.created_at,
        k.id, k.prefix, k.label, k.mode, {STATUS}, k.scopes, k.created_at, k.expires_at,
        {EFFECTIVE.format(tenant="t.id")},
        t.tracked_user_limit, b.largest_budget, b.smallest_holdout
    FROM tenants_tenant t JOIN tenants_apikey k ON k.tenant_id = t.id CROSS JOIN controls_of_caller() f
    CROSS JOIN LATERAL (
        SELECT min(c.action_budget_usd_max) AS largest_budget, max(c.holdout_percent_min) AS smallest_holdout
        FROM tenants_control c WHERE c.tenant_id = t.id
    ) b
    WHERE t.id = caller.tenant_id AND k.id = caller.key_id
"""

"""What a tenant's plan, config and integrations say about the events it sends, asked along with its key."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from tenants.access.authentication import Query
from tenants.config import RETENTION_DAYS
from tenants.models import PlanTier

RETENTION_OF_PLAN = {PlanTier.STARTER: 90, PlanTier.GROWTH: 365, PlanTier.SCALE: 1095, PlanTier.CUSTOM: 1095}

RING_SECONDS = 2 * 24 * 3600
_BOUNDARY_SECONDS = 60

Mapping = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`limit` is None where the tenant is metered without being refused; `mappings` are those of each provider."""

    plan_tier: PlanTier
    limit: int | None
    retention_days: int
    mappings: list[tuple[str, list[Mapping]]]

    def mappings_of(self, provider: str | None) -> dict[str, Mapping]:
        """Mappings by the name they rename; the integration shared first wins. All providers' where None."""
        by_name: dict[str, Mapping] = {}
        for of_provider, mappings in self.mappings:
            if provider in (None, of_provider):
                for mapping in mappings:
                    by_name.setdefault(mapping["from"], mapping)
        return by_name


def query(now: datetime) -> Query:
    """Asks for the policy, and holds the tenant's erasures off until the transaction ends."""
    into_ring = now.timestamp() % RING_SECONDS
    at_boundary = not _BOUNDARY_SECONDS < into_ring < RING_SECONDS - _BOUNDARY_SECONDS
    return Query(sql=_QUERY, parameters={"alone": at_boundary})


def read(row: tuple[Any, ...]) -> Policy:
    limit, plan_tier, overage, retention_days, mappings, *_ = row
    return Policy(
        plan_tier=PlanTier(plan_tier),
        limit=None if overage == "allow" else limit,
        retention_days=_retention_class(retention_days) or RETENTION_OF_PLAN[PlanTier(plan_tier)],
        mappings=msgspec.json.decode(mappings),
    )


def ring(now: datetime) -> int:
    """Which of the three rings the idempotency keys of this moment are kept in."""
    return int(now.timestamp()) // RING_SECONDS % 3


def month(now: datetime) -> str:
    """The first day of the month that usage counts in."""
    return f"{now.astimezone(UTC):%Y-%m}-01"


def _retention_class(config: str | None) -> int | None:
    """The shortest class that keeps events as long as the config asks, or None where it does not say."""
    try:
        days = float(config or "")
    except ValueError:
        return None
    return next((kept for kept in RETENTION_DAYS if days <= kept), RETENTION_DAYS[-1])


# Requests of one tenant share the lock. An erasure takes it alone, and so do requests at a ring's end, where two that
# run at once would not find each other's keys. The transaction's further statements are planned once a connection: left
# to itself PostgreSQL may find planning anew the cheaper, by statistics, and then spends a fifth of a batch on it.
_QUERY = """
    SELECT t.tracked_user_limit, t.plan_tier, t.config ->> 'overage', t.config ->> 'retention_days',
        (SELECT coalesce(json_agg(json_build_array(i.provider, i.event_mappings) ORDER BY s.id), '[]')::text
           FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
          WHERE s.tenant_id = t.id AND i.active AND i.event_mappings <> '[]'),
        CASE WHEN %(alone)s THEN pg_advisory_xact_lock(l.key) ELSE pg_advisory_xact_lock_shared(l.key) END,
        set_config('plan_cache_mode', 'force_generic_plan', true)
    FROM tenants_tenant t, hashtextextended('retivo.erase:' || t.id, 0) AS l (key)
    WHERE t.id = caller.tenant_id
"""

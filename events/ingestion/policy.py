"""What a tenant's plan, config and integrations say about the events it sends, asked along with its key."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from tenants.access.authentication import Query
from tenants.models import PlanTier

Mapping = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time of a request by the database's clock, which is one for all hosts, and what goes by it.

    `month` is the first day of the one that usage counts in. Idempotency keys are stored in `ring` and looked for in
    `ring_before`, too.
    """

    now: datetime
    month: date
    ring: str
    ring_before: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`limit` is None where the tenant is metered without being refused; `mappings` are those of each provider."""

    moment: Moment
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


def query(now: datetime | None = None) -> Query:
    """Asks for the policy, and holds the tenant's erasures off until the transaction ends.

    Args:
        now: as if the database's clock said so.
    """
    return Query(sql=_QUERY, parameters={"now": now})


def read(row: tuple[Any, ...]) -> Policy:
    limit, plan_tier, overage, retention_days, mappings, now, month, ring, ring_before, *_ = row
    return Policy(
        moment=Moment(now=now, month=month, ring=ring, ring_before=ring_before),
        plan_tier=PlanTier(plan_tier),
        limit=None if overage == "allow" else limit,
        retention_days=retention_days,
        mappings=msgspec.json.decode(mappings),
    )


# Requests of one tenant share the lock. An erasure takes it alone, and so do requests at a ring's end, where two that
# run at once would not find each other's keys. The transaction's further statements are planned once a connection: left
# to itself PostgreSQL may find planning anew the cheaper, by statistics, and then spends a fifth of a batch on it.
_QUERY = """
    SELECT t.tracked_user_limit, t.plan_tier, t.config ->> 'overage', days_kept(t.plan_tier, t.config),
        (SELECT coalesce(json_agg(json_build_array(i.provider, (
                    SELECT r.event_mappings FROM integrations_revision r
                    WHERE r.integration_id = i.id AND r.number = s.revision
                )) ORDER BY s.id), '[]')::text
           FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
          WHERE s.tenant_id = t.id AND s.ended_at IS NULL AND i.active
            AND (i.event_mappings <> '[]' OR i.maps_events_later)),
        c.now, date_trunc('month', c.now AT TIME ZONE 'UTC')::date,
        key_ring(c.now), key_ring(c.now - interval '2 days'),
        CASE WHEN extract(epoch FROM c.now) %% 172800 BETWEEN 60 AND 172740
             THEN pg_advisory_xact_lock_shared(l.key) ELSE pg_advisory_xact_lock(l.key) END,
        set_config('plan_cache_mode', 'force_generic_plan', true)
    FROM tenants_tenant t, hashtextextended('retivo.erase:' || t.id, 0) AS l (key),
        (SELECT coalesce(%(now)s::timestamptz, now())) AS c (now)
    WHERE t.id = caller.tenant_id
"""

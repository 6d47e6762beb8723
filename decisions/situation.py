"""All that a decision goes by, read in one statement: the user, the tenant's rules and switches, what could be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from decisions import rules
from decisions.rules import Rules
from tenants.authentication import Query

MAX_CANDIDATES = 50  # the oldest; a request narrows them by domain, provider or name


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; all but the user is kept in the ledger."""

    user_id: str
    domain: str | None = None
    provider: str | None = None
    action_types: list[str] | None = None
    context: dict[str, Any] = {}

    def parameters_for(self, action_type: "ActionType") -> Mapping[str, Any]:
        """Those that the context has for it, by its id or its name."""
        by_action = self.context.get("parameters")
        by_action = by_action if isinstance(by_action, dict) else {}
        found = by_action.get(action_type.id, by_action.get(action_type.name))
        return found if isinstance(found, dict) else {}


class ActionType(msgspec.Struct, frozen=True, array_like=True):
    id: str
    name: str
    is_active: bool
    integration_is_active: bool
    cost_usd: Decimal
    schema: str  # of its parameters, as JSON


class Given(msgspec.Struct, frozen=True, array_like=True):
    """That the user was given an action, by an earlier decision."""

    action_type_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Situation:
    request: Request
    now: datetime
    user: Mapping[str, Any]
    opted_out: bool
    rules: Rules
    plan_is_active: bool
    shadow_mode: bool
    kill_switch: bool
    partners_kill_switch: bool
    action_types: Sequence[ActionType]
    given: Sequence[Given]
    spent_usd: Decimal


def lock_query(user_id: str) -> Query:
    """As `lock`, in the statement that looks up the caller's key."""
    return Query(sql=_LOCK.replace("%(tenant_id)s", "caller.tenant_id"), parameters={"user_id": user_id})


def lock(*, tenant_id: UUID, user_id: str) -> None:
    """Hold off the user's erasure and other decisions for them until the transaction ends: limits are exact."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"tenant_id": tenant_id, "user_id": user_id})


def read(*, tenant_id: UUID, request: Request, now: datetime) -> Situation | None:
    """None if the tenant has no such user. Types of another tenant are not there, whatever the request names."""
    parameters = {
        "tenant_id": tenant_id,
        "user_id": request.user_id,
        "domain": request.domain,
        "provider": request.provider,
        "names": request.action_types,
        "limit": MAX_CANDIDATES,
        "now": now,
        "month": month(now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    traits, opted_out, config, plan, shadow, own, partners, types, given, spent = row[len(_FEATURED) :]
    user = dict(zip(_FEATURED, row, strict=False)) | {"traits": msgspec.json.decode(traits)}
    return Situation(
        request=request,
        now=now,
        user=user,
        opted_out=opted_out,
        rules=rules.read(config),
        plan_is_active=plan == "active",
        shadow_mode=shadow,
        kill_switch=own,
        partners_kill_switch=partners,
        action_types=msgspec.json.decode(types, type=list[ActionType]),
        given=msgspec.json.decode(given, type=list[Given]) if given else (),
        spent_usd=spent or Decimal(0),
    )


def month(now: datetime) -> Any:
    """The first day of it, in UTC."""
    return now.date().replace(day=1)


_FEATURED = (
    "lifecycle_stage",
    "activation_score",
    "engagement_score",
    "expansion_score",
    "events_14d",
    "last_activity_at",
    "created_at",
)

_LOCK = """
    SELECT true, pg_advisory_xact_lock_shared(hashtextextended('retivo.erase:' || %(tenant_id)s::uuid::text, 0))::text,
        pg_advisory_xact_lock(hashtextextended('retivo.decide:' || %(user_id)s, hashtextextended(
            %(tenant_id)s::uuid::text, 0)))::text
"""

# Of each action the last 100 suffice: no limit counts further. Where there are no limits nothing is read.
_READ = f"""
    SELECT {", ".join(f"u.{name}" for name in _FEATURED)}, u.traits::text, u.opted_out, t.config::text, t.plan_status,
        t.shadow_mode, s.own, s.partners,
        (
            SELECT coalesce(json_agg(json_build_array(a.id, a.name, a.active, a.integration_active,
                a.estimated_cost_usd::text, a.parameters_schema::text)), '[]')::text
            FROM (
                SELECT a.id, a.name, a.active, coalesce(i.active, true) AS integration_active,
                    coalesce(a.estimated_cost_usd, 0) AS estimated_cost_usd, a.parameters_schema
                FROM integrations_actiontype a
                LEFT JOIN integrations_partnerintegration i ON i.id = a.integration_id
                WHERE a.tenant_id = %(tenant_id)s
                  AND (%(domain)s::text IS NULL OR a.domain = %(domain)s::text)
                  AND (%(provider)s::text IS NULL OR a.provider = %(provider)s::text)
                  AND (%(names)s::text[] IS NULL OR a.name = ANY(%(names)s::text[]) OR a.id = ANY(%(names)s::text[]))
                ORDER BY a.active DESC, a.created_at, a.id LIMIT %(limit)s
            ) a
        ),
        CASE WHEN (t.config -> 'guardrails') IS NOT NULL THEN (
            SELECT coalesce(json_agg(json_build_array(g.action_type_id, g.created_at)), '[]')::text
            FROM (
                SELECT d.action_type_id, d.created_at,
                    row_number() OVER (PARTITION BY d.action_type_id ORDER BY d.created_at DESC) AS place
                FROM decisions_decision d
                WHERE d.tenant_id = %(tenant_id)s AND d.user_id = %(user_id)s
                  AND d.created_at > %(now)s::timestamptz - interval '{rules.MAX_DAYS} days'
                  AND d.action_type_id IS NOT NULL AND NOT d.shadow
            ) g WHERE g.place <= {rules.MAX_COUNT}
        ) END,
        (
            SELECT b.reserved_usd + b.settled_usd FROM decisions_budget b
            WHERE b.tenant_id = %(tenant_id)s AND b.month = %(month)s
        )
    FROM events_trackeduser u
    JOIN tenants_tenant t ON t.id = u.tenant_id
    CROSS JOIN switches_of_caller() s
    WHERE u.tenant_id = %(tenant_id)s AND u.user_id = %(user_id)s
"""

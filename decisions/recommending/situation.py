"""All that a decision goes by, read in one statement: the user, the tenant's rules and switches, what could be done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from decisions.recommending import rules
from decisions.recommending.rules import Rules
from integrations.parameters.checking import Allowance
from learning import services as learning
from retivo.api.json import encode
from tenants.access.authentication import Query

Row = tuple[Any, ...]

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
    provider: str
    is_active: bool
    integration_is_active: bool
    is_killed: bool  # by a switch of the partner's for it or for its integration
    is_shadowed: bool
    cost_usd: Decimal
    schema: str  # of its parameters, as JSON


@dataclass(frozen=True)
class Completed:
    """An action's parameters, as JSON, or why there are none."""

    parameters: bytes | None = None
    fault: str = ""


class Given(msgspec.Struct, frozen=True, array_like=True):
    """That the user was given an action, by an earlier decision."""

    action_type_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Situation:
    tenant_id: UUID
    request: Request
    now: datetime
    user: Mapping[str, Any]
    opted_out: bool
    rules: Rules
    held_because: Sequence[str]  # what the database's function controls_in_force says
    action_types: Sequence[ActionType]
    given: Sequence[Given]
    spent_usd: Decimal
    exhausted_is_told: bool  # that the month's budget refused an action
    newest: learning.Newest
    # What candidates' parameters are, by the action types' ids: of one decision none is checked twice.
    completed: dict[str, Completed] = field(default_factory=dict)
    # Half of what one alone may take when it is sent.
    allowance: Allowance = field(default_factory=lambda: Allowance(0.05))


def query(request: Request, now: datetime) -> Query:
    """Asks for all that in the statement that looks up the caller's key; `read` takes the answer."""
    return Query(
        sql=_READ,
        parameters={
            "user_id": request.user_id,
            "domain": request.domain,
            "provider": request.provider,
            "names": request.action_types,
            "limit": MAX_CANDIDATES,
            "now": now,
            "month": month(now),
        },
    )


def read(*, tenant_id: UUID, request: Request, now: datetime, row: Row | None = None) -> Situation | None:
    """None if the tenant has no such user. Types of another tenant are not there, whatever the request names.

    Until the transaction ends it holds off the user's erasure and, where there are limits, other decisions for them.

    Args:
        row: the answer to `query` for this request, where it was asked and there was one.
    """
    asked = query(request, now).parameters | {"tenant_id": tenant_id}
    with connection.cursor() as cursor:
        if row is None:
            cursor.execute(_READ_ALONE, asked)
            row = cursor.fetchone()
            if row is None:
                return None
        columns, row = row[: len(_FEATURED)], row[len(_FEATURED) :]
        traits, opted_out, config, held_because, types, spent, exhausted_is_told, _, limited, *newest = row
        given = "[]"
        if limited is not None:
            # Behind the lock, in a statement of its own: its snapshot must see what the holder before committed.
            cursor.execute(_GIVEN, asked)
            (given,) = cursor.fetchone()
    return Situation(
        tenant_id=tenant_id,
        request=request,
        now=now,
        user=dict(zip(_FEATURED, columns, strict=True)) | {"traits": msgspec.json.decode(traits)},
        opted_out=opted_out,
        rules=rules.read(config),
        held_because=held_because,
        action_types=msgspec.json.decode(types, type=list[ActionType]),
        given=msgspec.json.decode(given, type=list[Given]),
        spent_usd=spent or Decimal(0),
        exhausted_is_told=exhausted_is_told,
        newest=learning.Newest(*newest),
    )


def take_turns(*, tenant_id: UUID, user_ids: Collection[str]) -> None:
    """Hold off others' decisions for several users, as `read` does for one, before the first of them is decided for.

    Who took the turns one by one would wait for the next while holding the month's budget, for which its holder waits.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURNS, {"tenant_id": tenant_id, "users": encode(sorted(set(user_ids))).decode()})


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

_TURN = "hashtextextended('retivo.decide:' || {user}, hashtextextended({tenant}::text, 0))"

_TAKE_TURNS = f"""
    SELECT pg_advisory_xact_lock({_TURN.format(user="u", tenant="%(tenant_id)s::uuid")})
    FROM jsonb_array_elements_text(%(users)s::jsonb) AS u
    WHERE (SELECT (config -> 'guardrails') IS NOT NULL FROM tenants_tenant WHERE id = %(tenant_id)s)
"""


def _held_by(switch: str) -> str:
    """Whether the partner has turned this switch for the integration, or for the action type alone."""
    return f"a.held -> '*' ? '{switch}' IS TRUE OR a.held -> a.name ? '{switch}' IS TRUE"


# Locks are asked for last, when there is a user to hold. Decisions for one take turns where the tenant may have limits.
_READ = f"""
    SELECT {", ".join(f"u.{name}" for name in _FEATURED)}, u.traits::text, u.opted_out, t.config::text, c.because,
        (
            SELECT coalesce(json_agg(json_build_array(a.id, a.name, a.provider, a.active, a.integration_active,
                {_held_by("kill_switch")}, {_held_by("shadow_mode")},
                a.estimated_cost_usd::text, a.parameters_schema::text)), '[]')::text
            FROM (
                SELECT a.id, a.name, a.provider, a.active, coalesce(i.active, true) AS integration_active,
                    coalesce(i.held, '{{}}') AS held,
                    coalesce(a.estimated_cost_usd, 0) AS estimated_cost_usd, a.parameters_schema
                FROM integrations_actiontype a
                LEFT JOIN integrations_partnerintegration i ON i.id = a.integration_id
                WHERE a.tenant_id = u.tenant_id AND (a.integration_id IS NULL OR a.revision IS NOT NULL)
                  AND (%(domain)s::text IS NULL OR a.domain = %(domain)s::text)
                  AND (%(provider)s::text IS NULL OR a.provider = %(provider)s::text)
                  AND (%(names)s::text[] IS NULL OR a.name = ANY(%(names)s::text[]) OR a.id = ANY(%(names)s::text[]))
                ORDER BY a.active DESC, a.created_at, a.id LIMIT %(limit)s
            ) a
        ),
        b.reserved_usd + b.settled_usd, b.exhausted_at IS NOT NULL,
        pg_advisory_xact_lock_shared(hashtextextended('retivo.erase:' || u.tenant_id, 0)),
        CASE WHEN (t.config -> 'guardrails') IS NOT NULL THEN
            pg_advisory_xact_lock({_TURN.format(user="u.user_id", tenant="u.tenant_id")})
        END,
        {learning.NEWEST.format(tenant="u.tenant_id")}
    FROM events_trackeduser u
    JOIN tenants_tenant t ON t.id = u.tenant_id
    CROSS JOIN controls_of_caller() c
    LEFT JOIN decisions_budget b ON b.tenant_id = u.tenant_id AND b.month = %(month)s
    WHERE u.tenant_id = caller.tenant_id AND u.user_id = %(user_id)s
"""

_READ_ALONE = f"SELECT answer.* FROM (SELECT %(tenant_id)s::uuid AS tenant_id) AS caller, LATERAL ({_READ}) AS answer"

# Of each action the last 100 suffice: no limit counts further.
_GIVEN = f"""
    SELECT coalesce(json_agg(json_build_array(g.action_type_id, g.created_at)), '[]')::text
    FROM (
        SELECT d.action_type_id, d.created_at,
            row_number() OVER (PARTITION BY d.action_type_id ORDER BY d.created_at DESC) AS place
        FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.user_id = %(user_id)s
          AND d.created_at > %(now)s::timestamptz - interval '{rules.MAX_DAYS} days'
          AND d.action_type_id IS NOT NULL AND NOT d.shadow
    ) g WHERE g.place <= {rules.MAX_COUNT}
"""

"""A tenant's end users: listed, searched, counted, created, changed and erased. Runs in the tenant's context."""

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events.ingestion.traits import MAX_BYTES, too_large
from events.models import LifecycleStage, RiskLevel
from events.scoring import formulas
from events.scoring import services as scoring
from events.users.kept import tables
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.listing import Listing
from retivo.api.merge_patch import merge_patch
from retivo.api.pagination import Cursor
from tenants import outbox
from tenants.access.authentication import Query


class User(msgspec.Struct):
    """A user as lists show it."""

    id: str
    name: str
    email: str
    company: str
    role: str
    team_size: int | None
    locale: str
    opted_out: bool
    lifecycle_stage: str
    stage_changed_at: datetime
    health: float
    activation_score: float
    engagement_score: float
    expansion_score: float
    risk_level: str
    last_activity_at: datetime | None
    created_at: datetime
    traits: msgspec.Raw
    next_action: msgspec.Raw | None


class Milestone(msgspec.Struct):
    name: str
    reached_at: str | None


class UserDetail(User):
    """A user with its progress."""

    milestones: list[Milestone]


def list_users(*, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Cursor | None = None) -> dict[str, Any]:
    """A page of the users, oldest first, and how many match on all pages, as `retivo.api.listing` finds them.

    Args:
        where: values for some of `SCORES`, stages, risks and `opted_out`, which all hold, and `search`: a prefix of the
            id, name, email or company.
    """
    asked = {"tenant_id": tenant_id, **where}
    source, remaining = None, [SCORES[name] for name in where if name in SCORES]
    if "search" in where:
        if _is_narrow(asked):
            source = _FOUND_USERS
        else:
            remaining.append(_BEGINS)
    ranges, more = _ranges(where)
    page = _LISTING.page(
        tenant_id=tenant_id,
        limit=limit,
        after=after,
        ranges=ranges,
        remaining=remaining + more,
        parameters=where,
        source=source,
    )
    return page.named("customers")


def _ranges(where: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The stretches of the index that fits best, and what it leaves to be looked at."""
    stages = {where[name] for name in ("lifecycle_stage", "stage") if name in where}
    risks = {where[name] for name in ("risk_level", "risk") if name in where}
    if len(stages) > 1 or len(risks) > 1:
        return ["false"], []
    if where.get("opted_out"):  # few users are, and so their index is short
        asked = {"lifecycle_stage": stages, "risk_level": risks}
        return ["t.opted_out"], [f"t.{name} = '{value}'" for name, values in asked.items() for value in values]
    remaining = ["NOT t.opted_out"] if "opted_out" in where else []
    if not stages and not risks:
        return ["true"], remaining
    combinations = product(stages or LifecycleStage.values, risks or RiskLevel.values)
    return [f"t.lifecycle_stage = '{stage}' AND t.risk_level = '{risk}'" for stage, risk in combinations], remaining


def _is_narrow(asked: Mapping[str, Any]) -> bool:
    """Whether a search finds so few users that all of them can be read at once."""
    with connection.cursor() as cursor:
        cursor.execute(_MOST_FOUND, asked)
        most: int = cursor.fetchone()[0]
    return most <= NARROW


def user_stats(*, tenant_id: UUID) -> dict[str, Any]:
    """How many users there are, in each stage and at each risk level."""
    stages, risks = dict.fromkeys(LifecycleStage.values, 0), dict.fromkeys(RiskLevel.values, 0)
    with connection.cursor() as cursor:
        cursor.execute(_STATS, {"tenant_id": tenant_id})
        for stage, risk, count in cursor.fetchall():
            stages[stage] += count
            risks[risk] += count
    return {"total": sum(stages.values()), **stages, "by_risk_level": risks}


def user_query(user_id: str) -> Query:
    """Asks for one of the caller's users; `user_detail` reads the answer."""
    return Query(sql=_GET, parameters={"user_id": user_id})


def user_detail(row: tuple[Any, ...] | None) -> UserDetail:
    """All about one user.

    Raises:
        Problem: 404 if the tenant has no such user.
    """
    if row is None:
        raise not_found()
    *columns, reached, config = row
    return UserDetail(**msgspec.structs.asdict(_user(columns)), milestones=_progress(reached, config))


def save_user(*, tenant_id: UUID, user_id: str, traits: dict[str, Any]) -> tuple[UserDetail, bool]:
    """The user with `traits` merged into theirs, and whether it is new. A user is metered by events, not by this.

    Raises:
        Problem: 413 if the traits become too large.
    """
    merged = _merged({}, traits)
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        # An erasure waits for this, or this for it: never does a half of the one survive the other.
        cursor.execute(_HOLD_OFF_ERASURE, key)
        cursor.execute(_INSERT, {**key, "traits": encode(merged).decode()})
        row = cursor.fetchone()
    if row is not None:
        scoring.ask(tenant_id)
        return user_detail(row), True
    return change_user(tenant_id=tenant_id, user_id=user_id, traits=traits), False


def change_user(*, tenant_id: UUID, user_id: str, traits: dict[str, Any], opted_out: bool | None = None) -> UserDetail:
    """Merge `traits` into the user's by JSON Merge Patch (RFC 7396), and set `opted_out` unless it is None.

    Raises:
        Problem: 404 if the tenant has no such user, 413 if the traits become too large.
    """
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, key)
        row = cursor.fetchone()
        if row is None:
            raise not_found()
        merged = _merged(msgspec.json.decode(row[0]), traits)
        cursor.execute(_UPDATE, {**key, "traits": encode(merged).decode(), "opted_out": opted_out})
        return user_detail(cursor.fetchone())


def erase_user(*, actor: str, tenant_id: UUID, user_id: str) -> bool:
    """Delete the user and all that is stored of them; whether there was anything. Doing it again changes nothing.

    The tables are those of `events.users.kept`. What stays is usage, which are numbers, and an audit entry that does
    not say who it was.
    """
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        # In a statement of its own: the snapshots of those below must see what it waited for.
        cursor.execute(_AWAIT_WRITERS, key)
        erased = 0
        for table in tables():
            if not table.hangs_on_user:
                cursor.execute(
                    f"DELETE FROM {table.table} t WHERE t.tenant_id = %(tenant_id)s AND {table.of_user}", key
                )
                erased += cursor.rowcount
    if erased:
        outbox.record(actor=actor, action="user.erased", tenant_id=tenant_id)
    return erased > 0


def _merged(before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = merge_patch(before, patch)
    if too_large(merged, before):
        raise Problem(413, "traits_too_large", f"A user's traits may have at most {MAX_BYTES} bytes.")
    return merged


def _user(row: Any) -> User:
    *columns, traits, next_action = row
    # As PostgreSQL wrote them: nobody reads them on their way.
    columns += [msgspec.Raw(traits), next_action and msgspec.Raw(next_action)]
    return User(*columns)


def _progress(reached: str, config: str | None) -> list[Milestone]:
    """Those of the tenant in its order, each with when it was reached."""
    times = msgspec.json.decode(reached, type=dict[str, str])
    milestones = formulas.thresholds(config and msgspec.json.decode(config)).milestones
    return [Milestone(milestone.name, times.get(milestone.name)) for milestone in milestones]


# No index has a score, for each scoring would write it.
SCORES = {
    f"{score}_{bound}": f"t.{column} {operator} %({score}_{bound})s"
    for score, column in {
        "activation": "activation_score",
        "engagement": "engagement_score",
        "expansion": "expansion_score",
        "health": "health",
    }.items()
    for bound, operator in {"min": ">=", "max": "<="}.items()
}

_COLUMNS = """
    t.user_id, t.name, t.email, t.company, t.role, t.team_size, t.locale, t.opted_out, t.lifecycle_stage,
    t.stage_changed_at, t.health, t.activation_score, t.engagement_score, t.expansion_score, t.risk_level,
    t.last_activity_at, t.created_at, t.traits::text, t.next_action::text
"""

_LISTING: Listing[User] = Listing(
    table="events_trackeduser",
    columns=_COLUMNS,
    read=_user,
    order=("created_at", "user_id"),
)

# How many users a search may find in one column, to be read at once.
NARROW = 1000

# All that begins with a text lies between it and it with the last character there is behind it.
_SEARCHED = {
    column: f"search_{column} BETWEEN lower(%(search)s) AND lower(%(search)s) || chr(1114111)"
    for column in ("user_id", "name", "email", "company")
}
_BEGINS = f"({' OR '.join(_SEARCHED.values())})"

_FOUND = {
    column: f"""(
        SELECT user_id FROM events_trackeduser WHERE tenant_id = %(tenant_id)s AND {condition}
        ORDER BY search_{column} LIMIT {NARROW + 1}
    )"""
    for column, condition in _SEARCHED.items()
}

_MOST_FOUND = f"SELECT greatest({', '.join(f'(SELECT count(*) FROM {found} f)' for found in _FOUND.values())})"

# OFFSET 0 keeps ORDER BY and LIMIT out: for their sake a plan would walk all users until enough have matched. An array,
# where a join could read all the tenant's rows.
_FOUND_USERS = f"""(
    SELECT u.* FROM events_trackeduser u
    WHERE u.tenant_id = %(tenant_id)s AND u.user_id = ANY(ARRAY({" UNION ".join(_FOUND.values())})) OFFSET 0
)"""

_STATS = """
    SELECT lifecycle_stage, risk_level, count(*) FROM events_trackeduser WHERE tenant_id = %(tenant_id)s GROUP BY 1, 2
"""

_DETAIL = f"""
    {_COLUMNS}, t.milestones::text,
    (SELECT (o.config -> 'scores')::text FROM tenants_tenant o WHERE o.id = t.tenant_id)
"""

_GET = f"""
    SELECT {_DETAIL} FROM events_trackeduser t
    WHERE t.tenant_id = caller.tenant_id AND t.user_id = %(user_id)s
"""

_INSERT = f"""
    INSERT INTO events_trackeduser AS t (tenant_id, user_id, traits, lifecycle_stage, opted_out)
    VALUES (%(tenant_id)s, %(user_id)s, %(traits)s::jsonb, 'new', false)
    ON CONFLICT (tenant_id, user_id) DO NOTHING
    RETURNING {_DETAIL}
"""

_LOCK = """
    SELECT traits::text FROM events_trackeduser
    WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s FOR NO KEY UPDATE
"""

# Whose traits change is due for scoring, which reads them.
_UPDATE = f"""
    UPDATE events_trackeduser AS t
    SET traits = %(traits)s::jsonb,
        scored_at = CASE WHEN t.traits = %(traits)s::jsonb THEN t.scored_at END,
        opted_out = coalesce(%(opted_out)s::boolean, t.opted_out)
    WHERE t.tenant_id = %(tenant_id)s AND t.user_id = %(user_id)s
    RETURNING {_DETAIL}
"""

# Whoever makes a user, or writes of one outside its row, holds this shared, `track` too.
_ERASURE = "hashtextextended('retivo.erase:' || %(tenant_id)s::text, 0)"
_HOLD_OFF_ERASURE = f"SELECT pg_advisory_xact_lock_shared({_ERASURE})"
_AWAIT_WRITERS = f"SELECT pg_advisory_xact_lock({_ERASURE})"

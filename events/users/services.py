"""A tenant's end users: listed, searched, counted, created, changed and erased. Runs in the tenant's context.

A named trait has a column of its own beside its place in `traits`; whatever is written here goes into both.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events.ingestion.traits import MAX_BYTES, too_large
from events.models import LifecycleStage, RiskLevel
from events.scoring import formulas
from events.scoring import services as scoring
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.merge_patch import merge_patch
from retivo.api.pagination import Cursor, cut
from tenants import audit
from tenants.access import idempotency
from tenants.access.authentication import Query

# The named traits, and what stands in the column of one that is not known.
NAMED_TRAITS: dict[str, str | None] = {
    "name": "",
    "email": "",
    "company": "",
    "role": "",
    "locale": "",
    "team_size": None,
}


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
    """A page of the users, oldest first, and how many match on all pages.

    Args:
        where: values for some of `FILTERS`, which all hold, and `search`: a prefix of the id, name, email or company.
    """
    source = _SEARCHED if "search" in where else "events_trackeduser"
    matching = " AND ".join(["u.tenant_id = %(tenant_id)s", *(FILTERS[name] for name in where if name != "search")])
    on_page = f"{matching} AND {_AFTER}" if after else matching
    parameters: dict[str, Any] = {"tenant_id": tenant_id, **where, "limit": limit + 1}
    if after:
        parameters |= {"after_created_at": after.created_at, "after_user_id": after.id}
    with connection.cursor() as cursor:
        cursor.execute(_LIST.format(source=source, matching=on_page), parameters)
        found = [_user(row) for row in cursor.fetchall()]
        users, next_cursor = cut(found, limit, lambda user: (user.created_at, user.id))
        if after is None and next_cursor is None:
            total = len(users)
        else:
            cursor.execute(_COUNT.format(source=source, matching=matching), parameters)
            (total,) = cursor.fetchone()
    return {"customers": users, "total": total, "next_cursor": next_cursor}


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
    columns = {name: merged.get(name, unknown) for name, unknown in NAMED_TRAITS.items()}
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        # An erasure waits for this, or this for it: never does a half of the one survive the other.
        cursor.execute(_HOLD_OFF_ERASURE, key)
        cursor.execute(_INSERT, {**key, **columns, "traits": encode(merged).decode()})
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
        before, *named = row
        merged = _merged(msgspec.json.decode(before), traits)
        columns = dict(zip(NAMED_TRAITS, named, strict=True))
        columns |= {name: merged.get(name, unknown) for name, unknown in NAMED_TRAITS.items() if name in traits}
        cursor.execute(_UPDATE, {**key, **columns, "traits": encode(merged).decode(), "opted_out": opted_out})
        return user_detail(cursor.fetchone())


def erase_user(*, actor: str, tenant_id: UUID, user_id: str) -> None:
    """Delete the user and all that is stored of them; doing it again changes nothing.

    Tables of later apps hang on events_trackeduser by foreign keys that cascade in the database. What stays is usage,
    which are numbers, and an audit entry that does not say who it was.
    """
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        # In a statement of its own: the snapshots of those below must see what it waited for.
        cursor.execute(_AWAIT_WRITERS, key)
        erased = 0
        for statement in (_ERASE_EVENTS, _ERASE_MONTHS, _ERASE_USER):
            cursor.execute(statement, key)
            erased += cursor.rowcount
    idempotency.forget(tenant_id=tenant_id, about=user_id)
    if erased:
        audit.record(actor=actor, action="user.erased", tenant_id=tenant_id)


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


# What a list can be filtered by: a parameter and its condition. Only what is asked for stands in the statement, so
# that its plan, prepared or not, uses the index that fits.
FILTERS = {
    "lifecycle_stage": "u.lifecycle_stage = %(lifecycle_stage)s",
    "stage": "u.lifecycle_stage = %(stage)s",
    "risk_level": "u.risk_level = %(risk_level)s",
    "risk": "u.risk_level = %(risk)s",
    "opted_out": "u.opted_out = %(opted_out)s",
    **{
        f"{score}_{bound}": f"u.{column} {operator} %({score}_{bound})s"
        for score, column in {
            "activation": "activation_score",
            "engagement": "engagement_score",
            "expansion": "expansion_score",
            "health": "health",
        }.items()
        for bound, operator in {"min": ">=", "max": "<="}.items()
    },
}

_COLUMNS = """
    u.user_id, u.name, u.email, u.company, u.role, u.team_size, u.locale, u.opted_out, u.lifecycle_stage,
    u.stage_changed_at, u.health, u.activation_score, u.engagement_score, u.expansion_score, u.risk_level,
    u.last_activity_at, u.created_at, u.traits::text, u.next_action::text
"""

# All that begins with a text lies between it and it with the last character there is behind it. OFFSET 0 keeps ORDER BY
# and LIMIT out: for their sake a plan would walk all users in their order until enough have matched.
_FOUND = " OR ".join(
    f"search_{column} BETWEEN lower(%(search)s) AND lower(%(search)s) || chr(1114111)"
    for column in ("user_id", "name", "email", "company")
)
_SEARCHED = f"(SELECT * FROM events_trackeduser WHERE tenant_id = %(tenant_id)s AND ({_FOUND}) OFFSET 0)"

_LIST = f"""
    SELECT {_COLUMNS} FROM {{source}} u WHERE {{matching}} ORDER BY u.created_at, u.user_id LIMIT %(limit)s
"""

_AFTER = "(u.created_at, u.user_id) > (%(after_created_at)s, %(after_user_id)s)"

_COUNT = "SELECT count(*) FROM {source} u WHERE {matching}"

_STATS = """
    SELECT lifecycle_stage, risk_level, count(*) FROM events_trackeduser WHERE tenant_id = %(tenant_id)s GROUP BY 1, 2
"""

_DETAIL = f"""
    {_COLUMNS}, u.milestones::text,
    (SELECT (t.config -> 'scores')::text FROM tenants_tenant t WHERE t.id = u.tenant_id)
"""

_GET = f"""
    SELECT {_DETAIL} FROM events_trackeduser u
    WHERE u.tenant_id = caller.tenant_id AND u.user_id = %(user_id)s
"""

_INSERT = f"""
    INSERT INTO events_trackeduser AS u
        (tenant_id, user_id, name, email, company, role, locale, team_size, traits, lifecycle_stage, opted_out)
    VALUES (%(tenant_id)s, %(user_id)s, %(name)s, %(email)s, %(company)s, %(role)s, %(locale)s, %(team_size)s,
            %(traits)s::jsonb, 'new', false)
    ON CONFLICT (tenant_id, user_id) DO NOTHING
    RETURNING {_DETAIL}
"""

_LOCK = f"""
    SELECT traits::text, {", ".join(NAMED_TRAITS)} FROM events_trackeduser
    WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s FOR NO KEY UPDATE
"""

_UPDATE = f"""
    UPDATE events_trackeduser AS u
    SET {", ".join(f"{name} = %({name})s" for name in NAMED_TRAITS)}, traits = %(traits)s::jsonb,
        opted_out = coalesce(%(opted_out)s::boolean, u.opted_out)
    WHERE u.tenant_id = %(tenant_id)s AND u.user_id = %(user_id)s
    RETURNING {_DETAIL}
"""

# Whoever makes a user, or writes of one outside its row, holds this shared, `track` too.
_ERASURE = "hashtextextended('retivo.erase:' || %(tenant_id)s::text, 0)"
_HOLD_OFF_ERASURE = f"SELECT pg_advisory_xact_lock_shared({_ERASURE})"
_AWAIT_WRITERS = f"SELECT pg_advisory_xact_lock({_ERASURE})"

_ERASE_EVENTS = "DELETE FROM events_event WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s"

# The tenant's months first, each found in the index behind the one before: the key has the month before the user.
_ERASE_MONTHS = """
    WITH RECURSIVE active (month) AS (
        SELECT min(month) FROM events_monthlyactivity WHERE tenant_id = %(tenant_id)s
        UNION ALL
        SELECT (SELECT min(a.month) FROM events_monthlyactivity a
                 WHERE a.tenant_id = %(tenant_id)s AND a.month > active.month)
        FROM active WHERE active.month IS NOT NULL
    )
    DELETE FROM events_monthlyactivity
    WHERE tenant_id = %(tenant_id)s AND month IN (SELECT month FROM active) AND user_id = %(user_id)s
"""

_ERASE_USER = "DELETE FROM events_trackeduser WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s"

"""Interventions: listed, made by hand, moved from status to status. Runs in the tenant's context."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from decisions.models import INTERVENTION_TRANSITIONS, PENDING, Channel, InterventionStatus, PlaybookStatus
from events import next_actions
from retivo.api import forward
from retivo.api.errors import FieldError, Problem, not_found
from retivo.api.forward import Place
from retivo.api.json import encode
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor
from tenants import outbox


class Intervention(msgspec.Struct):
    """An intervention as lists show it."""

    id: str
    user_id: str
    playbook_id: UUID | None
    status: str
    channel: str
    message_body: str | None
    reasoning: str | None
    confidence: float | None
    planned_at: datetime
    approved_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    flagged: bool
    flag_reason: str | None
    quality_checks: msgspec.Raw | None


def list_interventions(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Place | Cursor | None = None
) -> dict[str, Any]:
    """A page of the interventions, newest first, and how many match on all pages; behind a `Place`, read forward."""
    if isinstance(after, Place):
        page = forward.page(_LISTING, tenant_id=tenant_id, limit=limit, after=after, where=where)
        return page.named("interventions")
    return _LISTING.page(tenant_id=tenant_id, limit=limit, after=after, where=where).named("interventions")


def get_intervention(*, tenant_id: UUID, intervention_id: str) -> Intervention:
    """Raises Problem 404."""
    found: list[Intervention] = list_interventions(tenant_id=tenant_id, where={"id": intervention_id}, limit=1)[
        "interventions"
    ]
    if not found:
        raise not_found()
    return found[0]


def create_intervention(
    *,
    actor: str,
    tenant_id: UUID,
    user_id: str,
    playbook_id: UUID | None = None,
    channel: str = Channel.EXTERNAL_ACTION,
) -> dict[str, Any]:
    """One made by hand: it waits for approval where the playbook asks for it, and for no other constraint.

    Raises:
        Problem: 404 that names `user_id` or `playbook_id`; 409 `user_opted_out`, `playbook_archived`.
    """
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    key: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id, "playbook_id": playbook_id}
    with connection.cursor() as cursor:
        cursor.execute(_FIND_USER, key)
        user = cursor.fetchone()
        if user is None:
            raise _nowhere("user_id", "There is no such user.")
        if user[0]:
            raise Problem(409, "user_opted_out", "This user has opted out; nothing is done to them.")
        needs_approval = False
        if playbook_id is not None:
            cursor.execute(_FIND_PLAYBOOK, key)
            playbook = cursor.fetchone()
            if playbook is None:
                raise _nowhere("playbook_id", "There is no such playbook.")
            if playbook[0] == PlaybookStatus.ARCHIVED:
                raise Problem(409, "playbook_archived", "This playbook is archived; make it a draft again first.")
            needs_approval = playbook[1]
        status = InterventionStatus.AWAITING_APPROVAL if needs_approval else InterventionStatus.PLANNED
        cursor.execute(_INSERT_INTERVENTION, {**key, "channel": channel, "status": status})
        intervention_id, planned_at = cursor.fetchone()
    refresh_next_actions(tenant_id=tenant_id, users=[user_id])
    _record(actor, "intervention.created", tenant_id, intervention_id, status)
    return {"id": intervention_id, "status": status, "channel": channel, "planned_at": planned_at}


def change_intervention_status(*, actor: str, tenant_id: UUID, intervention_id: str, status: str) -> dict[str, Any]:
    """Move one intervention to `status`; of two at once, one does.

    Raises:
        Problem: 404; 409 for a step that `INTERVENTION_TRANSITIONS` has not.
    """
    moved = _move(tenant_id=tenant_id, ids=[intervention_id], status=status)
    if not moved:
        with connection.cursor() as cursor:
            cursor.execute(_STATUS_OF, {"tenant_id": tenant_id, "id": intervention_id})
            row = cursor.fetchone()
        if row is None:
            raise not_found()
        detail = f"An intervention that is {row[0]} cannot become {status}."
        raise Problem(409, "illegal_transition", detail, extra={"current_status": row[0]})
    _, before = moved[0]
    _record(actor, "intervention.status_changed", tenant_id, intervention_id, status, before)
    return {"id": intervention_id, "status": status}


def _record(  # noqa: PLR0917  # what is recorded
    actor: str, action: str, tenant_id: UUID, intervention_id: str, status: str, before: str | None = None
) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=tenant_id,
        target=outbox.Target("intervention", intervention_id),
        data={"intervention_id": intervention_id, "status": status},
        changes=None if before is None else {"status": {"from": before, "to": status}},
    )


def move_interventions(*, tenant_id: UUID, ids: Sequence[str], status: str) -> list[str]:
    """Move those that may be moved to `status`, note when, and return their ids."""
    return [intervention_id for intervention_id, _ in _move(tenant_id=tenant_id, ids=ids, status=status)]


def _move(*, tenant_id: UUID, ids: Sequence[str], status: str) -> list[tuple[str, str]]:
    """The ids of those that were moved, each with the status that it had."""
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    sources = [source for source, targets in INTERVENTION_TRANSITIONS.items() if status in targets]
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {"tenant_id": tenant_id, "ids": list(ids), "sources": sources, "status": status})
        moved = cursor.fetchall()
    refresh_next_actions(tenant_id=tenant_id, users=[user_id for _, user_id, _ in moved])
    return [(intervention_id, before) for intervention_id, _, before in moved]


def cancel_of_playbook(*, tenant_id: UUID, playbook_id: UUID) -> None:
    """Cancel whatever the playbook has to come, by hand or by itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CANCEL_OF_PLAYBOOK, {"tenant_id": tenant_id, "playbook_id": playbook_id, "pending": list(PENDING)}
        )
        users = [user_id for (user_id,) in cursor.fetchall()]
    refresh_next_actions(tenant_id=tenant_id, users=users)


def refresh_next_actions(*, tenant_id: UUID, users: Sequence[str]) -> None:
    """Have each user's `next_action` say what their interventions say: the first that has not come to them, or none."""
    if not users:
        return
    wanted = encode(list(users)).decode()
    next_actions.lock_users(tenant_id=tenant_id, users=wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT_ACTIONS,
            {"tenant_id": tenant_id, "users": wanted, "coming": [*PENDING, InterventionStatus.SENT]},
        )
        (found,) = cursor.fetchone()
    next_actions.set_next_actions(tenant_id=tenant_id, next_actions=found)


def _shown(row: Sequence[Any]) -> Intervention:
    *columns, checks = row
    columns.append(checks and msgspec.Raw(checks))
    return Intervention(*columns)


def _nowhere(field: str, detail: str) -> Problem:
    return not_found([FieldError(pointer=f"/{field}", code="not_found", detail=detail)])


def literals(statuses: Sequence[InterventionStatus]) -> str:
    """For a statement: no plan can prove a partial index by a parameter."""
    return ", ".join(f"'{status.value}'" for status in statuses)


_LISTING: Listing[Intervention] = Listing(
    table="decisions_intervention",
    columns="""
        t.id, t.user_id, t.playbook_id, t.status, t.channel, t.message_body, t.reasoning, t.confidence, t.planned_at,
        t.approved_at, t.sent_at, t.delivered_at, t.flagged, t.flag_reason, t.quality_checks::text
    """,
    read=_shown,
    order=("planned_at", "id"),
    descending=True,
)

_FIND_USER = "SELECT opted_out FROM events_trackeduser WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s"

_FIND_PLAYBOOK = """
    SELECT status, coalesce((constraints -> 'needs_approval')::boolean, false) FROM decisions_playbook
    WHERE tenant_id = %(tenant_id)s AND id = %(playbook_id)s FOR SHARE
"""

_INSERT_INTERVENTION = """
    INSERT INTO decisions_intervention (tenant_id, user_id, playbook_id, channel, status)
    VALUES (%(tenant_id)s, %(user_id)s, %(playbook_id)s, %(channel)s, %(status)s)
    RETURNING id, planned_at
"""

_STATUS_OF = "SELECT status FROM decisions_intervention WHERE tenant_id = %(tenant_id)s AND id = %(id)s"

# Locked in the order of their ids, as all do who lock several.
_MOVE = """
    WITH locked AS MATERIALIZED (
        SELECT id, status FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND id = ANY(%(ids)s) AND status = ANY(%(sources)s)
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE decisions_intervention SET status = %(status)s::text,
        approved_at = CASE WHEN %(status)s::text = 'approved' THEN now() ELSE approved_at END,
        sent_at = CASE WHEN %(status)s::text = 'sent' THEN now() ELSE sent_at END,
        delivered_at = CASE WHEN %(status)s::text = 'delivered' THEN now() ELSE delivered_at END
    WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM locked))
    RETURNING id, user_id, (SELECT l.status FROM locked l WHERE l.id = decisions_intervention.id)
"""

_CANCEL_OF_PLAYBOOK = """
    WITH locked AS MATERIALIZED (
        SELECT id FROM decisions_intervention
        WHERE tenant_id = %(tenant_id)s AND playbook_id = %(playbook_id)s AND status = ANY(%(pending)s)
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE decisions_intervention SET status = 'cancelled'
    WHERE tenant_id = %(tenant_id)s AND id = ANY(ARRAY(SELECT id FROM locked))
    RETURNING user_id
"""

_NEXT_ACTIONS = """
    SELECT jsonb_agg(jsonb_build_object('user_id', w.user_id, 'next_action', n.action))::text
    FROM jsonb_array_elements_text(%(users)s::jsonb) AS w (user_id)
    LEFT JOIN LATERAL (
        SELECT jsonb_build_object('channel', i.channel, 'status', i.status, 'playbook', (
            SELECT p.name FROM decisions_playbook p WHERE p.tenant_id = i.tenant_id AND p.id = i.playbook_id
        )) AS action
        FROM decisions_intervention i
        WHERE i.tenant_id = %(tenant_id)s AND i.user_id = w.user_id AND i.status = ANY(%(coming)s)
        ORDER BY i.planned_at, i.id LIMIT 1
    ) n ON true
"""

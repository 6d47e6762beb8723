"""Playbooks: listed, made, changed, started and archived. Runs in the tenant's context."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import connection

from decisions import models
from decisions.models import PLAYBOOK_TRANSITIONS, WITH_OUTCOME, LifecycleArea, PlaybookStatus
from decisions.playbooks import interventions
from events import next_actions
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor
from tenants import outbox
from tenants.models import PlanTier, Tenant
from tenants.plans import LIMITS, limit_reached

# Its members that are JSON objects.
OBJECTS = ("entry_conditions", "exit_conditions", "constraints", "strategy_hints")


RATED = 1_000  # interventions, the newest that ended; of more, a share would hardly differ


class Playbook(msgspec.Struct):
    """A playbook as lists show it."""

    id: UUID
    name: str
    status: str
    lifecycle_area: str
    entry_conditions: msgspec.Raw
    exit_conditions: msgspec.Raw
    constraints: msgspec.Raw
    strategy_hints: msgspec.Raw
    created_at: datetime
    status_changed_at: datetime
    success_rate: float | None


def list_playbooks(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Cursor | None = None
) -> dict[str, Any]:
    """A page of the playbooks, oldest first, and how many match on all pages."""
    return _LISTING.page(tenant_id=tenant_id, limit=limit, after=after, where=where).named("playbooks")


def get_playbook(*, tenant_id: UUID, playbook_id: UUID) -> Playbook:
    """Raises Problem 404."""
    found: list[Playbook] = list_playbooks(tenant_id=tenant_id, where={"id": playbook_id}, limit=1)["playbooks"]
    if not found:
        raise not_found()
    return found[0]


def create_playbook(*, actor: str, tenant_id: UUID, name: str, **fields: Any) -> dict[str, Any]:
    """A draft, which the runner leaves alone.

    Raises:
        Problem: 403 `playbook_limit_reached` if the tenant has as many as its plan allows.
    """
    _stay_within_plan(tenant_id, PlaybookStatus.DRAFT)
    playbook_id = uuid4()
    given = {"lifecycle_area": LifecycleArea.RETENTION, **{part: {} for part in OBJECTS}, **fields, "name": name}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_PLAYBOOK, {"tenant_id": tenant_id, "id": playbook_id, **_stored(given)})
        (status, created_at) = cursor.fetchone()
    outbox.record(
        actor=actor,
        action="playbook.created",
        tenant_id=tenant_id,
        target=outbox.Target("playbook", playbook_id),
        data={"playbook_id": playbook_id, "status": status},
    )
    return {"id": playbook_id, "name": name, "status": status, "created_at": created_at}


def change_playbook(*, actor: str, tenant_id: UUID, playbook_id: UUID, **fields: Any) -> dict[str, Any]:
    """Replace the fields that are given; the next run goes by them.

    Raises:
        Problem: 404; 409 `playbook_archived`; 409 `playbook_without_conditions` where an active one would have none.
    """
    key: dict[str, Any] = {"tenant_id": tenant_id, "id": playbook_id}
    status, area, entry_conditions, before = _locked_playbook(key)
    if status == PlaybookStatus.ARCHIVED:
        raise archived()
    area = fields.get("lifecycle_area", area)
    if status == PlaybookStatus.ACTIVE:
        _require_conditions(area, fields.get("entry_conditions", entry_conditions))
    changed = _update(key, fields) if fields else []
    if changed:
        # Of the fields only their names: what they say is the tenant's own affair.
        outbox.record(
            actor=actor,
            action="playbook.changed",
            tenant_id=tenant_id,
            target=outbox.Target("playbook", playbook_id),
            data={"playbook_id": playbook_id, "changed": changed},
        )
    return {"id": playbook_id, "name": fields.get("name", before), "status": status}


def change_playbook_status(*, actor: str, tenant_id: UUID, playbook_id: UUID, status: str) -> dict[str, Any]:
    """Move the playbook to `status`; where it is there already, nothing changes.

    One that is archived lets go of its users, and what it planned and has not sent is cancelled.

    Raises:
        Problem: 404; 409 for a step that `PLAYBOOK_TRANSITIONS` has not, or for activating one without conditions; 403
            `active_playbook_limit_reached` or `playbook_limit_reached` for one more than the plan allows.
    """
    next_actions.hold_off_erasure(tenant_id=tenant_id)
    key: dict[str, Any] = {"tenant_id": tenant_id, "id": playbook_id}
    before, area, entry_conditions, name = _locked_playbook(key)
    if status != before:
        if status not in PLAYBOOK_TRANSITIONS[before]:
            detail = f"A playbook that is {before} cannot become {status}."
            raise Problem(409, "illegal_transition", detail, extra={"current_status": before})
        if status == PlaybookStatus.ACTIVE:
            _require_conditions(area, entry_conditions)
        _stay_within_plan(tenant_id, status)
        with connection.cursor() as cursor:
            cursor.execute(_SET_PLAYBOOK_STATUS, {**key, "status": status})
            if status == PlaybookStatus.ARCHIVED:
                cursor.execute(_CLOSE_ENTRIES, key)
                interventions.cancel_of_playbook(tenant_id=tenant_id, playbook_id=playbook_id)
        outbox.record(
            actor=actor,
            action="playbook.status_changed",
            tenant_id=tenant_id,
            target=outbox.Target("playbook", playbook_id),
            data={"playbook_id": playbook_id, "status": status},
            changes={"status": {"from": before, "to": status}},
        )
    return {"id": playbook_id, "name": name, "status": status}


def _update(key: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """Replace the fields of a playbook that is locked; the names of those that were different."""
    given = {name: f"%({name})s{'::jsonb' if name in OBJECTS else ''}" for name in sorted(fields)}
    names = ", ".join(f"CASE WHEN {name} IS DISTINCT FROM {value} THEN '{name}' END" for name, value in given.items())
    assigned = ", ".join(f"{name} = {value}" for name, value in given.items())
    stored = {**key, **_stored(fields)}
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED_FIELDS.format(names=names), stored)
        changed: list[str] = cursor.fetchone()[0]
        if changed:
            cursor.execute(_UPDATE_PLAYBOOK.format(assigned=assigned), stored)
    return changed


def _locked_playbook(key: Mapping[str, Any]) -> tuple[str, str, dict[str, Any], str]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PLAYBOOK, key)
        row = cursor.fetchone()
    if row is None:
        raise not_found()
    status, area, entry_conditions, name = row
    return status, area, msgspec.json.decode(entry_conditions), name


def _stay_within_plan(tenant_id: UUID, status: str) -> None:
    """Raises Problem 403 where there is no room for one more playbook that is active, or one more that is a draft."""
    if status not in (PlaybookStatus.ACTIVE, PlaybookStatus.DRAFT):
        return
    # Changes of one tenant take turns, or two could both be the last one.
    tier = PlanTier(Tenant.objects.select_for_update(no_key=True).only("plan_tier").get(id=tenant_id).plan_tier)
    of_tenant = models.Playbook.objects.filter(tenant_id=tenant_id)
    if status == PlaybookStatus.ACTIVE:
        limit, current = LIMITS[tier].active_playbooks, of_tenant.filter(status=PlaybookStatus.ACTIVE).count()
        code, things = "active_playbook_limit_reached", "active playbooks"
    else:
        limit, current = LIMITS[tier].playbooks, of_tenant.exclude(status=PlaybookStatus.ARCHIVED).count()
        code, things = "playbook_limit_reached", "playbooks that are not archived"
    if current >= limit:
        raise limit_reached(tier, code=code, things=things, current=current, limit=limit)


def _require_conditions(area: str, entry_conditions: Any) -> None:
    if not entry_conditions and area != LifecycleArea.WIN_BACK:
        detail = 'An active playbook has entry conditions; `{"opted_out": false}` means everybody.'
        raise Problem(409, "playbook_without_conditions", detail)


def archived() -> Problem:
    """What is archived is changed and used no more."""
    return Problem(409, "playbook_archived", "This playbook is archived; make it a draft again first.")


def _stored(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: encode(value).decode() if name in OBJECTS else value for name, value in fields.items()}


_OUTCOMES = ", ".join(f"'{status}'" for status in WITH_OUTCOME)

_LISTING: Listing[Playbook] = Listing(
    table="decisions_playbook",
    columns=f"""
        t.id, t.name, t.status, t.lifecycle_area, t.entry_conditions::text, t.exit_conditions::text,
        t.constraints::text, t.strategy_hints::text, t.created_at, t.status_changed_at,
        (SELECT avg((ended.status = 'completed')::int)::float8 FROM (
            SELECT i.status FROM decisions_intervention i
            WHERE i.tenant_id = t.tenant_id AND i.playbook_id = t.id AND i.status IN ({_OUTCOMES})
            ORDER BY i.planned_at DESC LIMIT {RATED}
        ) ended)
    """,
    read=lambda row: Playbook(*row[:4], *map(msgspec.Raw, row[4:8]), *row[8:]),
)

_INSERT_PLAYBOOK = """
    INSERT INTO decisions_playbook (tenant_id, id, name, status, lifecycle_area, entry_conditions, exit_conditions,
        constraints, strategy_hints)
    VALUES (%(tenant_id)s, %(id)s, %(name)s, 'draft', %(lifecycle_area)s, %(entry_conditions)s::jsonb,
        %(exit_conditions)s::jsonb, %(constraints)s::jsonb, %(strategy_hints)s::jsonb)
    RETURNING status, created_at
"""

# The runner holds this lock for each of its batches: a change comes before a batch or after it.
_LOCK_PLAYBOOK = """
    SELECT status, lifecycle_area, entry_conditions::text, name FROM decisions_playbook
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s FOR NO KEY UPDATE
"""

_CHANGED_FIELDS = """
    SELECT array_remove(ARRAY[{names}]::text[], NULL) FROM decisions_playbook
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s
"""

_UPDATE_PLAYBOOK = "UPDATE decisions_playbook SET {assigned} WHERE tenant_id = %(tenant_id)s AND id = %(id)s"

_SET_PLAYBOOK_STATUS = """
    UPDATE decisions_playbook SET status = %(status)s, status_changed_at = now()
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s
"""

_CLOSE_ENTRIES = """
    UPDATE decisions_playbookentry SET exited_at = now()
    WHERE tenant_id = %(tenant_id)s AND playbook_id = %(id)s AND exited_at IS NULL
"""

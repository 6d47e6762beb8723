"""Roll-outs: asked for, steered, and carried out step by step. Runs in the partner's context, or as staff.

planned → running ⇄ paused → completed, rolled_back or aborted. A step is one transaction under the lock of the
roll-out's row: whoever is killed leaves what the step before committed, and another goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations import shares
from integrations.models import (
    IntegrationShare,
    PartnerIntegration,
    Revision,
    RevisionTemplate,
    Rollout,
    RolloutStatus,
)
from integrations.revisions import services as revisions
from integrations.rollouts import guarding, moving
from integrations.rollouts.guarding import Watch
from retivo.api.errors import FieldError, Problem, not_found, validation_failed
from retivo.api.pagination import Cursor, cut
from tenants import outbox

MAX_STAGES = 20
MAX_CONFLICTS = 100
# For how long it can be rolled back, and the row of each of its customers is kept: forget_rollouts() has a day more.
KEPT_FOR = timedelta(days=90)
# How often a stage that waits is looked at for its guard.
_LOOK = timedelta(seconds=10)
# What failed with an error is tried again after that.
_REST = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class To:
    """Whom a roll-out moves: all, or a part of those that have the integration."""

    asked: Any  # as it was said, but for what names customers
    percent: int | None = None
    customers: Sequence[UUID] | None = None
    pointer: str = "/to"  # of the customers, for what is wrong with one
    all_known: bool = False  # whether it is no fault that one of the customers has it not

    @property
    def is_for_all(self) -> bool:
        return self.percent is None and self.customers is None


def start(
    *,
    actor: str,
    partner_id: UUID,
    integration_id: UUID,
    revision: int,
    to: To,
    stages: Sequence[Mapping[str, int]],
    guard: Mapping[str, Any] | None,
) -> Rollout:
    """Begin to move customers to a revision; a worker does.

    Args:
        stages: each `{percent, wait_minutes}`, rising; all are moved after the last one.

    Raises:
        Problem: 404; 400 for a revision that is not there or customers that have not the integration; 409
            `rollout_in_progress`, or `endpoint_not_certified` if the integration asks for certified endpoints and the
            revision has others.
    """
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id, lock=True)
    if Rollout.objects.filter(integration_id=integration.id, finished_at=None).exists():
        raise Problem(409, "rollout_in_progress", "A roll-out of this integration is under way: wait, or roll it back.")
    _check_revision(integration, revision)
    if _uncertified(integration, revision):
        raise shares.not_certified()
    rollout = Rollout(
        tenant_id=partner_id,
        integration_id=integration.id,
        revision=revision,
        revision_before=integration.revision,
        target=to.asked,
        is_for_all=to.is_for_all,
        stages=[dict(stage) for stage in _whole(stages)],
        guard=guard,
        total=0,
        asked_by=actor,
    )
    rollout.save(force_insert=True)
    rollout.refresh_from_db()
    rollout.total = moving.choose(rollout, _chosen(rollout, to))
    rollout.save(update_fields=["total"])
    _record(rollout, "rollout.started", actor, customers=rollout.total, to=_kind(to.asked))
    return rollout


def conflicts(*, partner_id: UUID, integration_id: UUID, revision: int, to: To) -> dict[str, Any]:
    """What a roll-out would do, without doing it: how many it would move, and what would be left out.

    Raises:
        Problem: as `start` does, without its 409.
    """
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id)
    _check_revision(integration, revision)
    chosen = _chosen(Rollout(tenant_id=partner_id, integration_id=integration.id, revision=revision), to)
    shown = revisions.get(
        partner_id=partner_id, integration_id=integration.id, number=revision, against=integration.revision
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM shadowed_names(%s, %s, %s, %s)", [integration.id, revision, chosen, MAX_CONFLICTS]
        )
        shadowed = cursor.fetchall()
    found = [
        *((None, name, "endpoint_not_certified") for name in _uncertified(integration, revision)),
        *((tenant_id, name, "shadowed_by_own") for tenant_id, name in shadowed),
    ]
    return {
        "revision": revision,
        "customers": len(chosen),
        "compatibility": shown.compatibility,
        "reasons": shown.reasons,
        "conflicts": [
            {"tenant_id": tenant_id, "action_type": name, "code": code}
            for tenant_id, name, code in found[:MAX_CONFLICTS]
        ],
    }


def get(*, partner_id: UUID, rollout_id: str, lock: bool = False) -> Rollout:
    """Raises Problem 404."""
    rollouts = Rollout.objects.filter(tenant_id=partner_id, id=rollout_id)
    if lock:
        rollouts = rollouts.select_for_update(no_key=True)
    rollout = rollouts.first()
    if rollout is None:
        raise not_found()
    return rollout


def pause(*, actor: str, partner_id: UUID, rollout_id: str) -> Rollout:
    """Move nobody on until it is resumed. Raises Problem 404, 409 `rollout_not_running`."""
    rollout = get(partner_id=partner_id, rollout_id=rollout_id, lock=True)
    if rollout.status not in (RolloutStatus.PLANNED, RolloutStatus.RUNNING):
        raise _not("rollout_not_running", rollout)
    return _steered(rollout, RolloutStatus.PAUSED, "rollout.paused", actor)


def resume(*, actor: str, partner_id: UUID, rollout_id: str) -> Rollout:
    """Raises Problem 404, 409 `rollout_not_paused`."""
    rollout = get(partner_id=partner_id, rollout_id=rollout_id, lock=True)
    if rollout.status != RolloutStatus.PAUSED:
        raise _not("rollout_not_paused", rollout)
    return _steered(rollout, RolloutStatus.RUNNING, "rollout.resumed", actor)


def roll_back(*, actor: str, partner_id: UUID, rollout_id: str) -> Rollout:
    """Move all that it moved back to where they were, and whoever got the revision since; a worker does.

    Raises:
        Problem: 404; 409 `rollout_rolled_back`, `rollout_superseded` if there is a later one, or `rollout_too_old`.
    """
    rollout = get(partner_id=partner_id, rollout_id=rollout_id)
    integration = _locked(rollout)  # before the roll-out's row, as a step that ends takes them
    rollout = get(partner_id=partner_id, rollout_id=rollout_id, lock=True)
    if rollout.status == RolloutStatus.ROLLED_BACK:
        raise _not("rollout_rolled_back", rollout)
    later = Q(created_at__gt=rollout.created_at) | Q(created_at=rollout.created_at, id__gt=rollout.id)
    if Rollout.objects.filter(later, integration_id=rollout.integration_id).exists():
        raise Problem(409, "rollout_superseded", "There is a later roll-out of this integration.")
    if Rollout.objects.filter(id=rollout.id, finished_at__lt=Now() - KEPT_FOR).exists():
        detail = f"It finished more than {KEPT_FOR.days} days ago. Roll out the revision of before instead."
        raise Problem(409, "rollout_too_old", detail)
    if integration.revision == rollout.revision != rollout.revision_before and rollout.is_for_all:
        integration.revision = rollout.revision_before
        integration.save(update_fields=["revision"])
        moving.take_in_new(rollout)
    rollout.finished_at = None if rollout.moved else Now()
    return _steered(rollout, RolloutStatus.ROLLED_BACK, "rollout.rolled_back", actor)


def step(rollout_id: str, watch: Watch) -> bool:
    """One batch, or the end of a stage; whether there is more to be done at once."""
    peeked = Rollout.objects.filter(id=rollout_id, finished_at=None).first()
    if peeked is None:
        return False
    # Whoever shares the integration waits for its lock, so it is taken where a stage may end and not for each batch.
    integration = _locked(peeked) if _wanted(peeked) <= 0 else None
    found = Rollout.objects.select_for_update(no_key=True, skip_locked=True).filter(id=rollout_id, finished_at=None)
    rollout = found.first()
    if rollout is None or rollout.status == RolloutStatus.PAUSED:
        return False
    if rollout.status == RolloutStatus.ROLLED_BACK:
        return _return(rollout)
    rollout.status = RolloutStatus.RUNNING
    return _advance(rollout, integration, watch)


def _return(rollout: Rollout) -> bool:
    returned = moving.move_back(rollout, moving.BATCH).looked_at
    rollout.moved = max(0, rollout.moved - returned) if returned else 0  # some may be gone
    if not returned:
        rollout.finished_at = timezone.now()
    rollout.save(update_fields=["moved", "finished_at"])
    return bool(returned)


_CHANGED = [
    *("status", "moved", "stage", "stage_began_at", "stage_ends_at", "due_at", "guard_seen", "total", "finished_at"),
]


def _advance(rollout: Rollout, integration: PartnerIntegration | None, watch: Watch) -> bool:
    seen = watch(rollout) if rollout.guard and rollout.moved else None
    if seen is not None and guarding.stops(rollout, seen):
        rollout.status, rollout.finished_at = RolloutStatus.ABORTED, timezone.now()
        rollout.save(update_fields=_CHANGED)
        _announce(rollout, "rollout.aborted", moved=rollout.moved, guard_seen=rollout.guard_seen)
        return False
    stage = rollout.stages[rollout.stage]
    wanted = _wanted(rollout)
    if wanted > 0:
        asked = min(wanted, moving.BATCH)
        batch = moving.move_on(rollout, asked)
        rollout.moved += batch.moved
        rollout.total -= batch.looked_at - batch.moved
        if batch.looked_at < asked:  # those that are left are fewer: customers were deleted meanwhile
            rollout.total = rollout.moved
        rollout.save(update_fields=_CHANGED)
        return True
    if integration is None:  # another worker moved the last of them
        return True
    now = timezone.now()
    if rollout.stage_ends_at is None:
        rollout.stage_ends_at = now + timedelta(minutes=stage["wait_minutes"])
    if rollout.stage_ends_at > now:
        rollout.due_at = min(rollout.stage_ends_at, now + _LOOK) if rollout.guard else rollout.stage_ends_at
        rollout.save(update_fields=_CHANGED)
        return False
    if seen is not None and guarding.waits(rollout, seen, now):
        rollout.due_at = now + _LOOK
        rollout.save(update_fields=_CHANGED)
        return False
    return _end_stage(rollout, integration)


def _end_stage(rollout: Rollout, integration: PartnerIntegration) -> bool:
    is_last = rollout.stage == len(rollout.stages) - 1
    if is_last and moving.take_in_late(rollout):
        rollout.save(update_fields=_CHANGED)
        return True
    _announce(rollout, "rollout.stage_done", stage=rollout.stage + 1, moved=rollout.moved)
    if is_last:
        rollout.status, rollout.finished_at = RolloutStatus.COMPLETED, timezone.now()
        if rollout.is_for_all:
            integration.revision = rollout.revision
            integration.save(update_fields=["revision"])
        _announce(rollout, "rollout.completed", moved=rollout.moved)
    else:
        rollout.stage, rollout.stage_began_at, rollout.stage_ends_at = rollout.stage + 1, Now(), None
    rollout.save(update_fields=_CHANGED)
    return not is_last


def _wanted(rollout: Rollout) -> int:
    """How many are still to be moved in its stage."""
    percent: int = rollout.stages[rollout.stage]["percent"]
    return ceil(rollout.total * percent / 100) - rollout.moved


def _kind(asked: Any) -> str:
    return asked if isinstance(asked, str) else next(iter(asked))


def _steered(rollout: Rollout, status: RolloutStatus, action: str, actor: str) -> Rollout:
    before, rollout.status = rollout.status, status
    rollout.due_at = Now()
    rollout.save(update_fields=["status", "due_at", "total", "moved", "finished_at"])
    rollout.refresh_from_db()
    _record(rollout, action, actor, {"status": before}, moved=rollout.moved)
    return rollout


def _not(code: str, rollout: Rollout) -> Problem:
    words = rollout.status.replace("_", " ")
    return Problem(409, code, f"This roll-out is {words}.", extra={"current_status": rollout.status})


def _locked(rollout: Rollout) -> PartnerIntegration:
    integrations = PartnerIntegration.objects.select_for_update(no_key=True, of=("self",))
    return integrations.defer("encrypted_webhook_secret").get(id=rollout.integration_id)


def _check_revision(integration: PartnerIntegration, number: int) -> None:
    if not Revision.objects.filter(integration_id=integration.id, number=number).exists():
        raise validation_failed([FieldError(pointer="/revision", code="unknown_revision", detail="Is no revision.")])


def _uncertified(integration: PartnerIntegration, number: int) -> list[str]:
    templates = list(RevisionTemplate.objects.filter(integration_id=integration.id, revision=number))
    return shares.uncertified(integration_id=integration.id, templates=templates)


def _whole(stages: Sequence[Mapping[str, int]]) -> list[Mapping[str, int]]:
    """With all customers at the end."""
    found = list(stages)
    return found if found and found[-1]["percent"] == 100 else [*found, {"percent": 100, "wait_minutes": 0}]


def _chosen(rollout: Rollout, to: To) -> list[UUID]:
    """In the order of their random ids: a part of them is a sample."""
    having = IntegrationShare.objects.filter(integration_id=rollout.integration_id, ended_at=None)
    if to.customers is not None and not to.all_known:
        have = set(having.filter(tenant_id__in=to.customers).values_list("tenant_id", flat=True))
        faults = [
            FieldError(pointer=f"{to.pointer}/{place}", code="not_shared", detail="Has not this integration.")
            for place, customer in enumerate(to.customers)
            if customer not in have
        ]
        if faults:
            raise validation_failed(faults)
    elsewhere = having.exclude(revision=rollout.revision).exclude(tenant__plan_status="deleting")
    if to.customers is not None:
        elsewhere = elsewhere.filter(tenant_id__in=to.customers)
    chosen = list(elsewhere.order_by("tenant_id").values_list("tenant_id", flat=True))
    if to.percent is not None:
        chosen = chosen[: ceil(having.count() * to.percent / 100)]
    return chosen


def _about(rollout: Rollout) -> dict[str, Any]:
    provider = PartnerIntegration.objects.values_list("provider", flat=True).get(id=rollout.integration_id)
    return {
        "rollout_id": rollout.id,
        "integration_id": rollout.integration_id,
        "provider": provider,
        "revision": rollout.revision,
    }


def _record(rollout: Rollout, action: str, actor: str, previous: Mapping[str, Any] | None = None, **more: Any) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=rollout.tenant_id,
        target=outbox.Target("rollout", rollout.id),
        data={**_about(rollout), **more},
        previous=previous,
    )


def _announce(rollout: Rollout, action: str, **more: Any) -> None:
    outbox.announce(action=action, tenant_id=rollout.tenant_id, data={**_about(rollout), **more})


def left(rollout: Rollout) -> int:
    """How many are still to be moved; of one that is rolled back, still to be moved back."""
    if rollout.status == RolloutStatus.ROLLED_BACK:
        return rollout.moved
    return rollout.total - rollout.moved


def list_rollouts(*, partner_id: UUID, integration_id: UUID, limit: int, after: Cursor | None) -> dict[str, Any]:
    """A page of an integration's roll-outs, the newest first."""
    revisions.found(partner_id=partner_id, integration_id=integration_id)
    rollouts = Rollout.objects.filter(tenant_id=partner_id, integration_id=integration_id)
    total = rollouts.count()
    if after is not None:
        rollouts = rollouts.filter(
            Q(created_at__lt=after.created_at) | Q(created_at=after.created_at, id__lt=str(after.id))
        )
    found, next_cursor = cut(
        rollouts.order_by("-created_at", "-id")[: limit + 1], limit, lambda rollout: (rollout.created_at, rollout.id)
    )
    return {"rollouts": found, "total": total, "next_cursor": next_cursor}


TO_RUN = """
    SELECT DISTINCT found.tenant_id FROM (
        SELECT tenant_id FROM integrations_rollout
        WHERE finished_at IS NULL AND status <> 'paused' AND due_at <= now()
        UNION ALL
        SELECT tenant_id FROM integrations_sharing WHERE finished_at IS NULL AND due_at <= now()
    ) found ORDER BY 1
"""


def due(*, partner_id: UUID) -> list[str]:
    """The partner's roll-outs that a worker is to look at."""
    rollouts = Rollout.objects.filter(tenant_id=partner_id, finished_at=None, due_at__lte=Now())
    return list(rollouts.exclude(status=RolloutStatus.PAUSED).order_by("due_at").values_list("id", flat=True))


def put_off(*, partner_id: UUID, rollout_id: str) -> None:
    """Look at it again in a minute: a step of it failed."""
    Rollout.objects.filter(tenant_id=partner_id, id=rollout_id, finished_at=None).update(due_at=Now() + _REST)


def forget() -> int:
    """Delete the rows of customers of roll-outs that are long over, and sharings; how many. Of all partners."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT forget_rollouts()")
            forgotten: int = cursor.fetchone()[0]
        if not forgotten:
            return total
        total += forgotten

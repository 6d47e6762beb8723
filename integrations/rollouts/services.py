"""Roll-outs: asked for, shown and steered. Runs in the partner's context, or as staff.

planned → running ⇄ paused → completed, rolled_back or aborted. `steps` carries them out.
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
from integrations.rollouts import moving
from retivo.api.errors import FieldError, Problem, not_found, validation_failed
from retivo.api.pagination import Cursor, cut
from tenants import outbox
from tenants.models import PlanStatus

MAX_STAGES = 20
MAX_CONFLICTS = 100
# For how long it can be rolled back, and the row of each of its customers is kept: forget_rollouts() has a day more.
KEPT_FOR = timedelta(days=90)

# Why a customer that is named cannot be moved, by its status; None of one that has not the integration.
_UNMOVABLE: dict[str | None, tuple[str, str]] = {
    None: ("not_shared", "This customer does not have the integration."),
    PlanStatus.DELETING: ("customer_deleting", "This customer is being deleted. Restore it first."),
}


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
    record(rollout, "rollout.started", actor, customers=rollout.total, to=_kind(to.asked))
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
    _check(_why_not_pause(rollout))
    return _steered(rollout, RolloutStatus.PAUSED, "rollout.paused", actor)


def resume(*, actor: str, partner_id: UUID, rollout_id: str) -> Rollout:
    """Raises Problem 404, 409 `rollout_not_paused`."""
    rollout = get(partner_id=partner_id, rollout_id=rollout_id, lock=True)
    _check(_why_not_resume(rollout))
    return _steered(rollout, RolloutStatus.RUNNING, "rollout.resumed", actor)


def roll_back(*, actor: str, partner_id: UUID, rollout_id: str) -> Rollout:
    """Move all that it moved back to where they were, and whoever got the revision since; a worker does.

    Raises:
        Problem: 404; 409 `rollout_rolled_back`, `rollout_superseded` if there is a later one, or `rollout_too_old`.
    """
    rollout = get(partner_id=partner_id, rollout_id=rollout_id)
    integration = lock_integration(rollout)  # before the roll-out's row, as a step that ends takes them
    rollout = get(partner_id=partner_id, rollout_id=rollout_id, lock=True)
    _check(_why_not_roll_back(rollout))
    if integration.revision == rollout.revision != rollout.revision_before and rollout.is_for_all:
        integration.revision = rollout.revision_before
        integration.save(update_fields=["revision"])
        moving.take_in_new(rollout)
    rollout.finished_at = None if rollout.moved else Now()
    return _steered(rollout, RolloutStatus.ROLLED_BACK, "rollout.rolled_back", actor)


def why_not(rollout: Rollout, step: str) -> Problem | None:
    """Why its state does not allow `pause`, `resume` or `roll-back` now; None if it does."""
    asked = {"pause": _why_not_pause, "resume": _why_not_resume, "roll-back": _why_not_roll_back}
    return asked[step](rollout)


def stage_number(rollout: Rollout) -> int:
    """The stage that it is in, as it is shown: from 1."""
    return int(rollout.stage) + 1


def _check(refusal: Problem | None) -> None:
    if refusal is not None:
        raise refusal


def _why_not_pause(rollout: Rollout) -> Problem | None:
    is_moving = rollout.status in (RolloutStatus.PLANNED, RolloutStatus.RUNNING)
    return None if is_moving else _not("rollout_not_running", rollout)


def _why_not_resume(rollout: Rollout) -> Problem | None:
    return None if rollout.status == RolloutStatus.PAUSED else _not("rollout_not_paused", rollout)


def _why_not_roll_back(rollout: Rollout) -> Problem | None:
    if rollout.status == RolloutStatus.ROLLED_BACK:
        return _not("rollout_rolled_back", rollout)
    later = Q(created_at__gt=rollout.created_at) | Q(created_at=rollout.created_at, id__gt=rollout.id)
    if Rollout.objects.filter(later, integration_id=rollout.integration_id).exists():
        return Problem(409, "rollout_superseded", "There is a later roll-out of this integration.")
    if Rollout.objects.filter(id=rollout.id, finished_at__lt=Now() - KEPT_FOR).exists():
        detail = f"It finished more than {KEPT_FOR.days} days ago. Roll out the earlier revision instead."
        return Problem(409, "rollout_too_old", detail)
    return None


def _kind(asked: Any) -> str:
    return asked if isinstance(asked, str) else next(iter(asked))


def _steered(rollout: Rollout, status: RolloutStatus, action: str, actor: str) -> Rollout:
    before, rollout.status = rollout.status, status
    rollout.due_at = Now()
    rollout.save(update_fields=["status", "due_at", "total", "moved", "finished_at"])
    rollout.refresh_from_db()
    record(rollout, action, actor, {"status": before}, moved=rollout.moved)
    return rollout


def _not(code: str, rollout: Rollout) -> Problem:
    words = rollout.status.replace("_", " ")
    return Problem(409, code, f"This roll-out is {words}.", extra={"current_status": rollout.status})


def lock_integration(rollout: Rollout) -> PartnerIntegration:
    """The integration, locked: take it before the lock of the roll-out's row."""
    integrations = PartnerIntegration.objects.select_for_update(no_key=True, of=("self",))
    return integrations.defer("encrypted_webhook_secret").get(id=rollout.integration_id)


def _check_revision(integration: PartnerIntegration, number: int) -> None:
    if not Revision.objects.filter(integration_id=integration.id, number=number).exists():
        raise validation_failed(
            [FieldError(pointer="/revision", code="unknown_revision", detail="This revision does not exist.")]
        )


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
        have = dict(having.filter(tenant_id__in=to.customers).values_list("tenant_id", "tenant__plan_status"))
        faults = [
            FieldError(pointer=f"{to.pointer}/{place}", code=why[0], detail=why[1])
            for place, customer in enumerate(to.customers)
            if (why := _UNMOVABLE.get(have.get(customer)))
        ]
        if faults:
            raise validation_failed(faults)
    elsewhere = having.exclude(revision=rollout.revision).exclude(tenant__plan_status=PlanStatus.DELETING)
    if to.customers is not None:
        elsewhere = elsewhere.filter(tenant_id__in=to.customers)
    chosen = list(elsewhere.order_by("tenant_id").values_list("tenant_id", flat=True))
    if to.percent is not None:
        chosen = chosen[: ceil(having.count() * to.percent / 100)]
    return chosen


def about(rollout: Rollout) -> dict[str, Any]:
    """A roll-out as events and audit entries name it."""
    provider = PartnerIntegration.objects.values_list("provider", flat=True).get(id=rollout.integration_id)
    return {
        "rollout_id": rollout.id,
        "integration_id": rollout.integration_id,
        "provider": provider,
        "revision": rollout.revision,
    }


def record(rollout: Rollout, action: str, actor: str, previous: Mapping[str, Any] | None = None, **more: Any) -> None:
    """What happened to a roll-out, as an audit entry and an event."""
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=rollout.tenant_id,
        target=outbox.Target("rollout", rollout.id),
        data={**about(rollout), **more},
        previous=previous,
    )


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

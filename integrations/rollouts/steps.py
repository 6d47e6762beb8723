"""Roll-outs, carried out step by step by a worker. Runs in the partner's context.

A step is one transaction under the lock of the roll-out's row: whoever is killed leaves what the step before committed,
and another goes on from there.
"""

from datetime import timedelta
from math import ceil
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from integrations.models import PartnerIntegration, Rollout, RolloutStatus
from integrations.rollouts import guarding, moving
from integrations.rollouts.guarding import Watch
from integrations.rollouts.services import lock_integration, record, stage_number
from tenants import outbox

# How often a stage that waits is looked at for its guard.
_LOOK = timedelta(seconds=10)
# What failed with an error is tried again after that.
_REST = timedelta(minutes=1)

TO_RUN = """
    SELECT DISTINCT found.tenant_id FROM (
        SELECT tenant_id FROM integrations_rollout
        WHERE finished_at IS NULL AND status <> 'paused' AND due_at <= now()
        UNION ALL
        SELECT tenant_id FROM integrations_sharing WHERE finished_at IS NULL AND due_at <= now()
    ) found ORDER BY 1
"""


def step(rollout_id: str, watch: Watch) -> bool:
    """One batch, or the end of a stage; whether there is more to be done at once."""
    peeked = Rollout.objects.filter(id=rollout_id, finished_at=None).first()
    if peeked is None:
        return False
    # Whoever shares the integration waits for its lock, so it is taken where a stage may end and not for each batch.
    integration = lock_integration(peeked) if _wanted(peeked) <= 0 else None
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
        record(rollout, "rollout.aborted", outbox.SYSTEM, moved=rollout.moved, guard_seen=rollout.guard_seen)
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
    record(rollout, "rollout.stage_done", outbox.SYSTEM, stage=stage_number(rollout), moved=rollout.moved)
    if is_last:
        rollout.status, rollout.finished_at = RolloutStatus.COMPLETED, timezone.now()
        if rollout.is_for_all:
            integration.revision = rollout.revision
            integration.save(update_fields=["revision"])
        record(rollout, "rollout.completed", outbox.SYSTEM, moved=rollout.moved)
    else:
        rollout.stage, rollout.stage_began_at, rollout.stage_ends_at = rollout.stage + 1, Now(), None
    rollout.save(update_fields=_CHANGED)
    return not is_last


def _wanted(rollout: Rollout) -> int:
    """How many are still to be moved in its stage."""
    percent: int = rollout.stages[rollout.stage]["percent"]
    return ceil(rollout.total * percent / 100) - rollout.moved


def due(*, partner_id: UUID) -> list[str]:
    """The partner's roll-outs that a worker is to look at."""
    rollouts = Rollout.objects.filter(tenant_id=partner_id, finished_at=None, due_at__lte=Now())
    return list(rollouts.exclude(status=RolloutStatus.PAUSED).order_by("due_at").values_list("id", flat=True))


def put_off(*, partner_id: UUID, rollout_id: str) -> None:
    """Look at it again in a minute: a step of it failed."""
    Rollout.objects.filter(tenant_id=partner_id, id=rollout_id, finished_at=None).update(due_at=Now() + _REST)

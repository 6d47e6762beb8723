"""The guard of a roll-out: whether what became of actions under the revision stops it, or lets the next stage begin."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.models import Rollout

# How long a stage waits at most for actions that the guard can judge, whatever its `wait_minutes`.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Seen:
    """What became of actions under the revision.

    Args:
        tried: how many were sent, or could not be sent.
        failed: how many of these failed so far.
        tried_in_stage: how many of these are of customers that were moved in the present stage.
    """

    tried: int
    failed: int
    tried_in_stage: int

    @property
    def rate(self) -> float:
        return self.failed / self.tried if self.tried else 0.0


# Asks what became of a roll-out's actions.
Watch = Callable[[Rollout], Seen]


def stops(rollout: Rollout, seen: Seen) -> bool:
    """Whether too many failed. Keeps what was seen with the roll-out."""
    guard = rollout.guard or {}
    rollout.guard_seen = {"actions": seen.tried, "failed": seen.failed, "failure_rate": round(seen.rate, 4)}
    return seen.tried >= int(guard["min_actions"]) and seen.rate > float(guard["max_failure_rate"])


def waits(rollout: Rollout, seen: Seen, now: datetime) -> bool:
    """Whether the next stage would begin before the guard can judge this one. Quiet customers hold up little."""
    stages = rollout.stages[rollout.stage :]
    if not rollout.guard or len(stages) == 1 or rollout.stage_ends_at is None:
        return False
    moved_at = rollout.stage_ends_at - timedelta(minutes=stages[0]["wait_minutes"])
    return seen.tried_in_stage < int(rollout.guard["min_actions"]) and now < moved_at + PATIENCE

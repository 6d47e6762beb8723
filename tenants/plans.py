"""What each plan has room for. `docs/configuration.md` has the same table."""

from typing import NamedTuple

from retivo.api.errors import Problem
from tenants.models import UPGRADE_TO, PlanTier


class Limits(NamedTuple):
    """The most that a tenant may have. What is above a limit already, as after a change of plan, stays in use."""

    own_action_types: int  # on or off; a decision weighs 50
    playbooks: int  # that are not archived
    active_playbooks: int  # each is run over all users in each round


LIMITS = {
    PlanTier.STARTER: Limits(own_action_types=100, playbooks=100, active_playbooks=10),
    PlanTier.GROWTH: Limits(own_action_types=200, playbooks=200, active_playbooks=20),
    PlanTier.SCALE: Limits(own_action_types=500, playbooks=500, active_playbooks=50),
    PlanTier.CUSTOM: Limits(own_action_types=1000, playbooks=1000, active_playbooks=100),
}


def limit_reached(tier: PlanTier, *, code: str, things: str, current: int, limit: int) -> Problem:
    """403: there are `current` of `limit` things, and the next plan has room for more."""
    detail = f"Your plan's limit of {limit} {things} is reached."
    return Problem(403, code, detail, extra={"current": current, "limit": limit, "upgrade_to": UPGRADE_TO[tier]})

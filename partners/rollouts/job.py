"""The job behind roll-outs and sharings with all: a worker does a partner's, step by step."""

from uuid import UUID

from django.db import connection

from integrations.models import Rollout
from integrations.rollouts import services, sharing
from integrations.rollouts.services import Seen
from tenants.context import tenant_context
from tenants.upkeep.rounds import Turn


def run_partner(partner_id: UUID, turn: Turn) -> None:
    """All that is due of one partner; each step is a transaction. Raises TurnOver."""
    with tenant_context(partner_id):
        rollouts, sharings = services.due(partner_id=partner_id), sharing.due(partner_id=partner_id)
    for rollout_id in rollouts:
        more = True
        while more:
            with tenant_context(partner_id):
                more = services.step(rollout_id, watch)
            turn.check()
    for sharing_id in sharings:
        more = True
        while more:
            with tenant_context(partner_id):
                more = sharing.step(sharing_id)
            turn.check()


def watch(rollout: Rollout) -> Seen:
    """What became of the roll-out's actions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tried, failed FROM fate_of_rollout(%s)", [rollout.id])
        return Seen(*cursor.fetchone())

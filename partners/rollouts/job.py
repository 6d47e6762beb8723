"""The job behind roll-outs and sharings with all: a worker does a partner's, step by step."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog
from django.db import connection

from integrations.models import Rollout
from integrations.rollouts import sharing, steps
from integrations.rollouts.guarding import Seen
from tenants.context import tenant_context
from tenants.upkeep.rounds import Turn

log = structlog.get_logger("retivo.rollouts")


class StepError(Exception):
    """Some of a partner's roll-outs or sharings failed; the log names them. What was due of the others is done."""


@dataclass(frozen=True)
class _Work:
    id: str
    step: Callable[[], bool]  # whether there is more to be done at once
    put_off: Callable[[], None]


def run_partner(partner_id: UUID, turn: Turn) -> None:
    """All that is due of one partner, which take turns; each step is a transaction.

    One that fails stops no other, and is tried again in a minute.

    Raises:
        TurnOver: there is more.
        StepError: at the end, if any of them failed.
        Exception: at once, whatever failed for want of the database.
    """
    with tenant_context(partner_id):
        rollouts, sharings = steps.due(partner_id=partner_id), sharing.due(partner_id=partner_id)
    waiting = deque(
        [
            *(
                _Work(
                    id,
                    partial(steps.step, id, watch),
                    partial(steps.put_off, partner_id=partner_id, rollout_id=id),
                )
                for id in rollouts
            ),
            *(
                _Work(id, partial(sharing.step, id), partial(sharing.put_off, partner_id=partner_id, sharing_id=id))
                for id in sharings
            ),
        ]
    )
    failed = []
    while waiting:
        work = waiting.popleft()
        try:
            with tenant_context(partner_id):
                has_more = work.step()
        except Exception:  # whatever it is, it is this one's alone
            if connection.connection is None or not connection.is_usable():
                raise
            failed.append(work.id)
            log.exception("rollout_failed", tenant_id=str(partner_id), rollout_id=work.id)
            with tenant_context(partner_id):
                work.put_off()
            has_more = False
        if has_more:
            waiting.append(work)
        turn.check()
    if failed:
        raise StepError(", ".join(failed))


def watch(rollout: Rollout) -> Seen:
    """What became of the roll-out's actions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tried, failed, tried_in_stage FROM fate_of_rollout(%s)", [rollout.id])
        return Seen(*cursor.fetchone())

"""What the worker does for playbooks and decisions by itself, for each tenant that has something to do."""

from datetime import UTC, datetime
from uuid import UUID

from decisions.lift import services as lift
from decisions.playbooks import runner
from decisions.upkeep import aftermath, counting, forgetting, waiting
from tenants.context import tenant_context
from tenants.upkeep import rounds
from tenants.upkeep.rounds import Turn


@rounds.periodic(cron="* * * * *", tenants=waiting.TO_RUN)
def run_playbooks(tenant_id: UUID, turn: Turn) -> None:
    """Who enters, who leaves, what is due, and what is done for them."""
    runner.run_tenant(tenant_id, turn)


@rounds.periodic(cron="* * * * *", tenants=waiting.TO_SETTLE)
def settle_decisions(tenant_id: UUID, turn: Turn) -> None:
    """What came of decisions, and of the interventions they were for."""
    aftermath.settle_tenant(tenant_id, turn=turn)


@rounds.periodic(cron="*/10 * * * *", tenants=waiting.TO_COUNT)
def count_lift(tenant_id: UUID, turn: Turn) -> None:
    """For what partners are told of all their customers; a tenant asks for its own anew each time."""
    with tenant_context(tenant_id):
        lift.keep_count(tenant_id=tenant_id, now=datetime.now(UTC))


@rounds.periodic(cron="*/10 * * * *", tenants=waiting.TO_METER)
def count_usage(tenant_id: UUID, turn: Turn) -> None:
    """Of those who used something lately. At midnight, too: what is found then was used before."""
    counting.count_tenant(tenant_id, turn)


@rounds.periodic(cron="3 * * * *", tenants=waiting.TO_CLOSE)
def close_usage(tenant_id: UUID, turn: Turn) -> None:
    """Of months that are over; and what rounds before missed is counted."""
    counting.count_tenant(tenant_id, turn)


@rounds.periodic(cron="41 2 * * *", tenants=waiting.TO_FORGET)
def forget_old(tenant_id: UUID, turn: Turn) -> None:
    """Decisions, interventions, actions and examples that are past their time."""
    forgetting.forget_tenant(tenant_id)

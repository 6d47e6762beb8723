"""What the worker does for partners by itself."""

from uuid import UUID

from procrastinate.contrib.django import app

from integrations.rollouts.steps import TO_RUN
from partners.rollouts import job
from tenants.upkeep import forgetting, rounds
from tenants.upkeep.rounds import Turn


@rounds.periodic(cron="* * * * * */5", tenants=TO_RUN)
def move_customers(tenant_id: UUID, turn: Turn) -> None:
    """Roll-outs, and integrations that are shared with all customers."""
    job.run_partner(tenant_id, turn)


@app.periodic(cron="37 3 * * *")
@app.task(queueing_lock="forget_rollouts")
def forget_rollouts(timestamp: int) -> None:
    """Delete the rows of customers of roll-outs that cannot be rolled back any more, and sharings of before."""
    forgetting.by_function("forget_rollouts")

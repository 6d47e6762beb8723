"""What the worker does for playbooks and decisions by itself. One job takes the tenants in turn."""

from uuid import UUID

from procrastinate.contrib.django import app

from decisions import aftermath
from decisions.playbooks import runner
from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="run_playbooks")
def run_playbooks(timestamp: int) -> None:
    """Who enters, who leaves, what is due, and what is done for them."""
    for tenant_id in _active():
        runner.run_tenant(tenant_id)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="settle_decisions")
def settle_decisions(timestamp: int) -> None:
    """What came of decisions, and of the interventions they were for."""
    for tenant_id in _active():
        aftermath.settle_tenant(tenant_id)


def _active() -> list[UUID]:
    with staff_context():
        return list(
            Tenant.objects.filter(plan_status=PlanStatus.ACTIVE).order_by("created_at").values_list("id", flat=True)
        )

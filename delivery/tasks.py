"""What the worker does for actions and webhooks by itself, beside sending."""

from uuid import UUID

from procrastinate.contrib.django import app

from delivery import services
from delivery.worker import actions, endpoints
from tenants.context import tenant_context
from tenants.upkeep import forgetting, rounds
from tenants.upkeep.rounds import Turn


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_actions")
def expire_actions(timestamp: int) -> None:
    """End what is past its expiry and was never claimed: behind an open circuit, or of a suspended tenant."""
    actions.expire()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="count_endpoints")
def count_endpoints(timestamp: int) -> None:
    """Count what waits for partners' endpoints, and how many customers that concerns."""
    endpoints.count()


@app.periodic(cron="26 * * * *")
@app.task(queueing_lock="forget_events")
def forget_events(timestamp: int) -> None:
    """Delete partners' events after 90 days, with their deliveries, what was sent to webhooks that are deleted, and
    recoveries, certifications and replays that were over 90 days ago.
    """
    for function in ("forget_partner_events", "forget_webhooks", "forget_finished"):
        forgetting.by_function(function)


@rounds.periodic(cron="* * * * *", tenants="SELECT id FROM tenants_tenant WHERE delete_at IS NOT NULL ORDER BY id")
def cancel_actions(tenant_id: UUID, turn: Turn) -> None:
    """Actions of a tenant that is being deleted; none of them is sent meanwhile."""
    cancelled = services.CANCELLED_AT_ONCE
    while cancelled == services.CANCELLED_AT_ONCE:
        with tenant_context(tenant_id):
            cancelled = services.cancel_actions(tenant_id=tenant_id)
        turn.check()

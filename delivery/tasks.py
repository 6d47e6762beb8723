"""What the worker does for actions and webhooks by itself, beside sending."""

from procrastinate.contrib.django import app

from delivery.worker import actions, webhooks
from tenants import feed


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_actions")
def expire_actions(timestamp: int) -> None:
    """End what is past its expiry and was never claimed: behind an open circuit, or of a suspended tenant."""
    actions.expire()


@app.periodic(cron="26 * * * *")
@app.task(queueing_lock="forget_events")
def forget_events(timestamp: int) -> None:
    """Delete partners' events after 90 days, with their deliveries, and what was sent to webhooks that are deleted."""
    feed.forget()
    webhooks.forget()

"""What the worker does for actions by itself, beside sending them."""

from procrastinate.contrib.django import app

from delivery.worker import leases


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_actions")
def expire_actions(timestamp: int) -> None:
    """End what is past its expiry and was never claimed: behind an open circuit, or of a suspended tenant."""
    leases.expire()

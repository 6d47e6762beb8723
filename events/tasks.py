"""What the worker does for events by itself."""

from django.core.management import call_command
from procrastinate.contrib.django import app


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="maintain_events")
def maintain_events(timestamp: int) -> None:
    """The months to come get their partitions, those past all retention go."""
    call_command("maintain_events", verbosity=0)

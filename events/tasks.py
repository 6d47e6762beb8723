"""What the worker does for events by itself."""

from django.core.management import call_command
from procrastinate.contrib.django import app

from events import scoring


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="maintain_events")
def maintain_events(timestamp: int) -> None:
    """The months to come get their partitions, those past all retention go."""
    call_command("maintain_events", verbosity=0)


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="score_tenants")
def score_tenants(timestamp: int) -> None:
    """Scores and stages: of those who were active, and once a day of everyone. One job takes the tenants in turn."""
    for _ in scoring.score_all_tenants():
        pass

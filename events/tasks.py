"""What the worker does for events by itself."""

from uuid import UUID

from django.core.management import call_command
from procrastinate.contrib.django import app

from events.scoring import services as scoring
from tenants.upkeep import rounds

_WITH_USERS = """
    SELECT t.id FROM tenants_tenant t
    WHERE EXISTS (SELECT FROM events_trackeduser u WHERE u.tenant_id = t.id)
    ORDER BY t.created_at, t.id
"""


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="maintain_events")
def maintain_events(timestamp: int) -> None:
    """The months to come get their partitions, those past all retention go."""
    call_command("maintain_events", verbosity=0)


@rounds.periodic(cron="*/5 * * * *", tenants=_WITH_USERS)
def score_tenants(tenant_id: UUID) -> None:
    """Scores and stages: of those who were active, and once a day of everyone."""
    scoring.score_tenant(tenant_id)

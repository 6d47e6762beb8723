"""What the worker does for events by itself."""

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from events import partitions
from events.scoring import services as scoring
from events.usage import alerts
from tenants.upkeep import rounds
from tenants.upkeep.rounds import Turn

# Rounds look back far enough for two that were missed. The second look is for users who rested when events came last:
# they fall due within 66 minutes. Whom all of these miss, the sweep finds.
_TO_SCORE = rounds.of(
    "SELECT tenant_id FROM events_monthlyusage WHERE active_at >= now() - interval '16 minutes'",
    "SELECT tenant_id FROM events_monthlyusage"
    " WHERE active_at BETWEEN now() - interval '83 minutes' AND now() - interval '67 minutes'",
    "SELECT tenant_id FROM events_scoringsweep WHERE asked_at >= now() - interval '16 minutes'",
    f"SELECT tenant_id FROM events_scoringsweep WHERE began_at <= now() - interval '{scoring.SWEEP_EVERY}'",  # noqa: S608
    "SELECT tenant_id FROM events_scoringsweep WHERE after IS NOT NULL",
)


@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="maintain_events", retry=RetryStrategy(max_attempts=6, wait=300))
def maintain_events(timestamp: int) -> None:
    """The months to come get their partitions, those past all retention go, and so do keys that are."""
    partitions.maintain()


@rounds.periodic(cron="*/5 * * * *", tenants=_TO_SCORE)
def score_tenants(tenant_id: UUID, turn: Turn) -> None:
    """Scores and stages: of those who were active, and once a day of everyone."""
    scoring.score_tenant(tenant_id, turn=turn)


@rounds.periodic(cron="4-59/10 * * * *", tenants=alerts.TO_WATCH)
def watch_usage(tenant_id: UUID, turn: Turn) -> None:
    """Partners hear of thresholds that their customers reached, and of months that were closed."""
    alerts.watch(tenant_id, turn)

"""What workers keep of themselves and of their rounds."""

from django.db import models
from django.db.models.functions import Now

from tenants.models.tenants import Tenant


class Place(models.Model):
    """Where a round's work for a tenant stopped when its turn was over (`tenants.upkeep.places`)."""

    pk = models.CompositePrimaryKey("work", "tenant")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    work = models.CharField(max_length=64)
    place = models.JSONField()
    stopped_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.work}: {self.place}"


class WorkerProcess(models.Model):
    """A worker that ran within the last hour, and when it last said so, by the database's clock. Of no tenant."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.host}, since {self.started_at:%Y-%m-%d %H:%M}"


class TaskRun(models.Model):
    """What became of a worker's task lately, whichever worker did it. Of no tenant."""

    task = models.CharField(primary_key=True, max_length=200, help_text="Its dotted name")
    succeeded_at = models.DateTimeField(null=True, help_text="Last")
    failed_at = models.DateTimeField(null=True, help_text="Last")
    seconds = models.FloatField(help_text="How long the last run took")

    def __str__(self) -> str:
        return self.task

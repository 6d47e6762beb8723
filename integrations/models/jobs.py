"""Roll-outs and sharings: rows that are jobs of a worker."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.integrations import PartnerIntegration
from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant


class RolloutStatus(models.TextChoices):
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


# Of those that may still move customers on.
MOVING = (RolloutStatus.PLANNED, RolloutStatus.RUNNING, RolloutStatus.PAUSED)


class Rollout(models.Model):
    """Customers of an integration are moved to a revision, in stages. The row is the job (`integrations.rollouts`)."""

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="ro"))
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="rollouts", db_constraint=False, db_index=False
    )
    revision = models.IntegerField()
    revision_before = models.IntegerField(help_text="Which new shares had when it began")
    target = models.JSONField(help_text="To whom, as it was asked, without what names a customer")
    is_for_all = models.BooleanField()
    stages = models.JSONField()
    guard = models.JSONField(null=True)
    guard_seen = models.JSONField(null=True)
    status = models.CharField(max_length=16, choices=RolloutStatus, default=RolloutStatus.PLANNED)
    stage = models.IntegerField(default=0)
    stage_began_at = models.DateTimeField(null=True, help_text="Null of the first")
    stage_ends_at = models.DateTimeField(null=True, help_text="Null until its customers are moved")
    total = models.IntegerField()
    moved = models.IntegerField(default=0)
    asked_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When a worker looks at it next")
    finished_at = models.DateTimeField(null=True, help_text="Null while customers are still to be moved, or moved back")

    class Meta:
        verbose_name = "roll-out"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index("integration", "created_at", "id", name="rollout_listed"),
            models.Index("tenant", "due_at", name="rollout_due", condition=Q(finished_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], name="rollout_one_at_a_time", condition=Q(finished_at=None)
            ),
            models.CheckConstraint(condition=Q(status__in=RolloutStatus.values), name="rollout_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=MOVING, finished_at=None)
                | Q(status__in=["completed", "aborted"], finished_at__isnull=False)
                | Q(status="rolled_back"),
                name="rollout_finished_by_status",
            ),
            models.CheckConstraint(condition=Q(moved__lte=models.F("total")), name="rollout_moves_its_own"),
        ]

    def __str__(self) -> str:
        return self.id


class RolloutCustomer(models.Model):
    """A customer that a roll-out moves: once on, and once back where it is rolled back."""

    pk = models.CompositePrimaryKey("rollout", "tenant")
    rollout = models.ForeignKey(
        Rollout, on_delete=models.CASCADE, related_name="customers", db_constraint=False, db_index=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    partner = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    revision_before = models.IntegerField(null=True, help_text="Null until it is moved, or if it had left")
    moved_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("rollout", "tenant", name="rollout_customer_left", condition=Q(moved_at=None))]
        constraints = [
            models.CheckConstraint(
                condition=Q(returned_at=None) | Q(moved_at__isnull=False), name="rollout_customer_returns_after_move"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rollout_id} {self.tenant_id}"


class Sharing(models.Model):
    """An integration is shared with all customers that have it not. The row is the job, as a roll-out's is."""

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="sh"))
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="sharings", db_constraint=False, db_index=False
    )
    total = models.IntegerField(help_text="Customers that had it not when it was asked")
    shared = models.IntegerField(default=0)
    after_created_at = models.DateTimeField(
        null=True, help_text="Of the last customer that was looked at; null once it is over"
    )
    after_id = models.UUIDField(null=True)
    asked_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When a worker looks at it next")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index("integration", "created_at", name="sharing_newest"),
            models.Index("tenant", name="sharing_due", condition=Q(finished_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], name="sharing_one_at_a_time", condition=Q(finished_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def status(self) -> str:
        return "running" if self.finished_at is None else "completed"

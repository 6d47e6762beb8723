"""What a tenant's users do: events, the users themselves, and what is metered of them.

Every primary key and unique constraint begins with the tenant, so that the tables can be distributed by it. Events are
partitioned by month and retention, their keys by `ring`, which Django does not know of; only SQL writes them.
"""

from django.db import models
from django.db.models import F, JSONField, Value
from django.db.models.functions import Lower, Now, NullIf

from tenants.models import Tenant


class LifecycleStage(models.TextChoices):
    NEW = "new"
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    AT_RISK = "at_risk"
    CHURNED = "churned"
    RECOVERED = "recovered"


class RiskLevel(models.TextChoices):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def _search_text(column: str) -> models.GeneratedField:
    """`column` in lower case, to be found by its prefix; NULL where it is empty.

    Row-level security takes their index from `lower()` and LIKE, which are not leakproof, but not from a comparison
    with a stored column. In the order of "C" all that begins with a prefix lies in one range.
    """
    return models.GeneratedField(
        expression=NullIf(Lower(F(column)), Value("")),
        output_field=models.TextField(db_collation="C", null=True),
        db_persist=True,
    )


class TrackedUser(models.Model):
    """An end user of one tenant, by the name the tenant gave it. The API calls it a customer.

    The trigger `trait_columns` writes the columns of the named traits. Scores, health, risk, stage, milestones and
    `events_14d` are the scoring's to write; `next_action` is the decisions'.
    """

    pk = models.CompositePrimaryKey("tenant", "user_id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=255, blank=True)
    company = models.CharField(max_length=255, blank=True)
    role = models.CharField(max_length=255, blank=True)
    team_size = models.IntegerField(null=True)
    locale = models.CharField(max_length=255, blank=True)
    traits = models.JSONField(default=dict)
    lifecycle_stage = models.CharField(max_length=16, choices=LifecycleStage, default=LifecycleStage.NEW)
    stage_changed_at = models.DateTimeField(db_default=Now())
    activation_score = models.FloatField(db_default=0.0)
    engagement_score = models.FloatField(db_default=0.0)
    expansion_score = models.FloatField(db_default=0.0)
    health = models.FloatField(db_default=0.0)
    risk_level = models.CharField(max_length=16, choices=RiskLevel, db_default=RiskLevel.LOW)
    milestones = models.JSONField(db_default=Value({}, JSONField()), help_text="When each was reached, by its name")
    events_14d = models.IntegerField(db_default=0, help_text="In the 14 days before it was scored")
    scored_at = models.DateTimeField(null=True)
    next_action = models.JSONField(null=True)
    opted_out = models.BooleanField(default=False)
    last_activity_at = models.DateTimeField(null=True, help_text="Up to five minutes behind")
    counted_month = models.DateField(null=True, help_text="The last one it was found active in; spares a look-up")
    created_at = models.DateTimeField(db_default=Now())
    search_user_id = _search_text("user_id")
    search_name = _search_text("name")
    search_email = _search_text("email")
    search_company = _search_text("company")

    class Meta:
        # Neither activity nor a score is in one, so that the updates of each event and each scoring stay heap-only.
        indexes = [
            models.Index(fields=["tenant", "created_at", "user_id"], name="tracked_user_order"),
            models.Index(
                fields=["tenant", "lifecycle_stage", "risk_level", "created_at", "user_id"],
                name="tracked_user_stage_order",
            ),
            models.Index(
                fields=["tenant", "created_at", "user_id"],
                condition=models.Q(opted_out=True),
                name="tracked_user_opted_out",
            ),
            *(
                models.Index(
                    fields=["tenant", f"search_{column}"],
                    condition=models.Q(**{f"search_{column}__isnull": False}),
                    name=f"tracked_user_search_{column}",
                )
                for column in ("user_id", "name", "email", "company")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(lifecycle_stage__in=LifecycleStage.values), name="tracked_user_stage_known"
            ),
            models.CheckConstraint(condition=models.Q(risk_level__in=RiskLevel.values), name="tracked_user_risk_known"),
        ]

    def __str__(self) -> str:
        return self.user_id


class StageChange(models.Model):
    """A user's change of lifecycle stage. The foreign key `stage_change_of_user` erases it with the user."""

    pk = models.CompositePrimaryKey("tenant", "user_id", "changed_at")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.CharField(max_length=255)
    changed_at = models.DateTimeField()
    from_stage = models.CharField(max_length=16, choices=LifecycleStage)
    to_stage = models.CharField(max_length=16, choices=LifecycleStage)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(from_stage__in=LifecycleStage.values, to_stage__in=LifecycleStage.values),
                name="stage_change_stages_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.from_stage} → {self.to_stage}"


class ScoringSweep(models.Model):
    """How far the last sweep over all users of a tenant is."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    began_at = models.DateTimeField()
    after = models.CharField(max_length=255, null=True, help_text="Its last user so far; NULL where it is done")  # noqa: DJ001
    asked_at = models.DateTimeField(null=True, help_text="When a user was last made without an event")

    class Meta:
        indexes = [
            models.Index("began_at", name="sweep_age"),
            models.Index("tenant", name="sweep_under_way", condition=models.Q(after__isnull=False)),
            models.Index("asked_at", name="sweep_asked"),
        ]

    def __str__(self) -> str:
        return f"{self.began_at}: {'done' if self.after is None else self.after}"


class MonthlyActivity(models.Model):
    """A user that was active in a month (UTC, by the time of receipt): one row, counted once."""

    pk = models.CompositePrimaryKey("tenant", "month", "user_id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day")
    user_id = models.CharField(max_length=255)

    class Meta:
        verbose_name_plural = "monthly activity"

    def __str__(self) -> str:
        return f"{self.user_id} in {self.month:%Y-%m}"


class MonthlyUsage(models.Model):
    """What a month's use adds up to, over several rows so that requests of one tenant do not wait for each other."""

    pk = models.CompositePrimaryKey("tenant", "month", "shard")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day")
    shard = models.SmallIntegerField()
    events = models.BigIntegerField(default=0)
    active_users = models.IntegerField(
        default=0, help_text="In shard 0 alone, locked while users are added; events are in the others"
    )
    active_at = models.DateTimeField(db_default=Now(), help_text="Of the last change, to the minute: `note_activity`")

    class Meta:
        verbose_name_plural = "monthly usage"
        # Who sent something lately. The minute changes once for many batches, whose updates stay heap-only.
        indexes = [models.Index("active_at", "tenant", name="usage_active")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}/{self.shard}"

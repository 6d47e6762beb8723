"""What a tenant's users do: events, the users themselves, and what is metered of them.

Every primary key and unique constraint begins with the tenant, so that the tables can be distributed by it. Events are
partitioned by month and retention, their keys by `ring`, which Django does not know of; only SQL writes them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, JSONField, Q, Value
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


class UsageMetric(models.TextChoices):
    """What is metered. Each adds up: a month is the sum of its days, and a fleet that of its tenants."""

    ACTIVE_USERS = "active_users"
    EVENTS = "events"
    DECISIONS = "decisions"
    ACTIONS_DELIVERED = "actions_delivered"
    OUTCOMES = "outcomes"
    ACTION_COST_USD = "action_cost_usd"


class UsageUnit(models.TextChoices):
    MONTH = "month"
    DAY = "day"


class Usage(models.Model):
    """What a tenant used in a day or a month (UTC), as far as it was counted: `events.usage.counting`.

    A closed row never changes: the trigger `refuse_closed_usage`. What is found of a month that is closed goes into a
    row of its own, one for each day on which something is found: a correction. Its number is how many days after the
    month's end that was.
    """

    pk = models.CompositePrimaryKey("tenant", "unit", "starts_on", "correction")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    unit = models.CharField(max_length=5, choices=UsageUnit)
    starts_on = models.DateField(help_text="The day, or the first day of the month")
    correction = models.SmallIntegerField(default=0, help_text="0 is none")
    active_users = models.BigIntegerField(default=0, help_text="On the day they were first active in the month")
    events = models.BigIntegerField(default=0)
    decisions = models.BigIntegerField(default=0)
    actions_delivered = models.BigIntegerField(default=0)
    outcomes = models.BigIntegerField(default=0)
    action_cost_usd = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    counted_at = models.DateTimeField(help_text="When it last changed")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "usage"
        indexes = [models.Index("tenant", name="usage_open", condition=Q(closed_at__isnull=True))]
        constraints = [
            models.CheckConstraint(condition=Q(unit__in=UsageUnit.values), name="usage_unit_known"),
            models.CheckConstraint(
                condition=Q(unit=UsageUnit.DAY) | Q(starts_on__day=1), name="usage_month_has_a_first_day"
            ),
            models.CheckConstraint(condition=Q(correction__gte=0), name="usage_correction_after_the_month"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on}/{self.correction}"


class UsageCount(models.Model):
    """How far a tenant's usage is counted, and up to which month, that one not included, it is closed."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    counted_at = models.DateTimeField(null=True)
    decisions_position = models.BigIntegerField(db_default=0, help_text="Decisions up to it are counted")
    closed_through = models.DateField(help_text="The first month that is open")
    announced_through = models.DateField(help_text="Of a partner: the first month it was not told of as closed")

    def __str__(self) -> str:
        return f"before {self.closed_through}"


class AlertScope(models.TextChoices):
    EACH_CUSTOMER = "each_customer"
    FLEET = "fleet"


class UsageAlert(models.Model):
    """Of which shares of a limit a partner wants to hear when a month's usage reaches them."""

    pk = models.CompositePrimaryKey("tenant", "metric", "scope")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    metric = models.CharField(max_length=20, choices=UsageMetric)
    scope = models.CharField(max_length=16, choices=AlertScope)
    thresholds = ArrayField(models.IntegerField(), help_text="Per cent, ascending")
    allowance = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, help_text="What they are shares of; the plans' limits where null"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(metric__in=UsageMetric.values), name="usage_alert_metric_known"),
            models.CheckConstraint(condition=Q(scope__in=AlertScope.values), name="usage_alert_scope_known"),
            models.CheckConstraint(condition=Q(thresholds__len__range=(1, 10)), name="usage_alert_has_thresholds"),
            models.CheckConstraint(condition=Q(allowance=None) | Q(allowance__gt=0), name="usage_alert_allowance"),
            models.CheckConstraint(
                condition=Q(allowance__isnull=False)
                | Q(metric__in=[UsageMetric.ACTIVE_USERS, UsageMetric.ACTION_COST_USD]),
                name="usage_alert_is_of_a_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.scope}"


class ReachedThreshold(models.Model):
    """That a month's usage reached a threshold of an alert: one row, and one event to the partner, ever.

    The tenant is the partner itself where all its customers together reached it.
    """

    pk = models.CompositePrimaryKey("tenant", "period", "metric", "threshold")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    partner = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    period = models.DateField(help_text="The month's first day")
    metric = models.CharField(max_length=20, choices=UsageMetric)
    threshold = models.IntegerField(help_text="Per cent")
    used = models.DecimalField(max_digits=24, decimal_places=6)
    allowance = models.DecimalField(max_digits=24, decimal_places=6)
    reached_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["partner", "-period", "-reached_at"], name="threshold_of_partner")]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.metric} in {self.period:%Y-%m}"

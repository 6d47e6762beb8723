"""Playbooks, who is in them, the interventions they plan, and the ledger of decisions.

Every primary key and unique constraint begins with the tenant. Composite foreign keys such as `entry_of_own_user` and
`entry_of_own_playbook` hold users and playbooks to the tenant, and let whatever is of a user go with the user.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from retivo.database.commits import CommitPosition
from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant


class PlaybookStatus(models.TextChoices):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class LifecycleArea(models.TextChoices):
    ONBOARDING = "onboarding"
    CHURN_PREVENTION = "churn_prevention"
    RETENTION = "retention"
    UPSELL = "upsell"
    WIN_BACK = "win_back"


class Channel(models.TextChoices):
    WEBHOOK = "webhook"
    EXTERNAL_ACTION = "external_action"


class InterventionStatus(models.TextChoices):
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    PAUSED = "paused"
    REJECTED = "rejected"
    SENT = "sent"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_P, _S = PlaybookStatus, InterventionStatus

# Where each status may lead; what is not here is refused.
PLAYBOOK_TRANSITIONS: dict[str, tuple[str, ...]] = {
    _P.DRAFT: (_P.ACTIVE, _P.ARCHIVED),
    _P.ACTIVE: (_P.PAUSED, _P.ARCHIVED),
    _P.PAUSED: (_P.ACTIVE, _P.ARCHIVED),
    _P.ARCHIVED: (_P.DRAFT,),
}
INTERVENTION_TRANSITIONS: dict[str, tuple[str, ...]] = {
    _S.PLANNED: (_S.APPROVED, _S.PAUSED, _S.REJECTED, _S.SENT, _S.FAILED, _S.CANCELLED),
    _S.AWAITING_APPROVAL: (_S.APPROVED, _S.PAUSED, _S.REJECTED, _S.CANCELLED),
    _S.APPROVED: (_S.PAUSED, _S.REJECTED, _S.SENT, _S.FAILED, _S.CANCELLED),
    _S.PAUSED: (_S.APPROVED, _S.REJECTED, _S.CANCELLED),
    _S.SENT: (_S.DELIVERED, _S.COMPLETED, _S.FAILED),
    _S.DELIVERED: (_S.COMPLETED, _S.FAILED),
    _S.REJECTED: (),
    _S.COMPLETED: (),
    _S.FAILED: (_S.DELIVERED, _S.COMPLETED),  # its action was replayed
    _S.CANCELLED: (),
}

# What may be acted on now; what is still to come for the user; what came to an end; what its action may yet change;
# what is no longer to be counted against a limit.
READY = (_S.PLANNED, _S.APPROVED)
PENDING = (_S.PLANNED, _S.AWAITING_APPROVAL, _S.APPROVED, _S.PAUSED)
WITH_OUTCOME = (_S.COMPLETED, _S.FAILED)
FOLLOWED = (_S.SENT, _S.DELIVERED, _S.FAILED)
NEVER_HAPPENED = (_S.REJECTED, _S.FAILED, _S.CANCELLED)


class Playbook(models.Model):
    """Whom to intervene with, when to stop, and within which limits. `docs/playbooks.md` has the grammar."""

    pk = models.CompositePrimaryKey("tenant", "id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=PlaybookStatus, default=PlaybookStatus.DRAFT)
    lifecycle_area = models.CharField(max_length=16, choices=LifecycleArea, default=LifecycleArea.RETENTION)
    entry_conditions = models.JSONField(default=dict, blank=True)
    exit_conditions = models.JSONField(default=dict, blank=True)
    constraints = models.JSONField(default=dict, blank=True)
    strategy_hints = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    status_changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index("tenant", "created_at", "id", name="playbook_listed"),
            models.Index("tenant", name="playbook_active", condition=Q(status=PlaybookStatus.ACTIVE)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PlaybookStatus.values), name="playbook_status_known"),
            models.CheckConstraint(condition=Q(lifecycle_area__in=LifecycleArea.values), name="playbook_area_known"),
            # None would be everybody. A win-back has one of its own: the user is churned.
            models.CheckConstraint(
                condition=~Q(status=PlaybookStatus.ACTIVE)
                | ~Q(entry_conditions={})
                | Q(lifecycle_area=LifecycleArea.WIN_BACK),
                name="playbook_active_has_conditions",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlaybookEntry(models.Model):
    """That a user is in a playbook, or was: one row, whose `number` counts the times they entered."""

    pk = models.CompositePrimaryKey("tenant", "playbook_id", "user_id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    playbook_id = models.UUIDField()
    user_id = models.CharField(max_length=255)
    number = models.IntegerField(default=1)
    since = models.DateTimeField(help_text="What the delays count from: when they entered, or churned for a win-back")
    entered_at = models.DateTimeField()
    exited_at = models.DateTimeField(null=True)
    steps_done = models.SmallIntegerField(default=0, help_text="How many of the delays are behind this entry")
    intervened_at = models.DateTimeField(null=True, help_text="Last")

    class Meta:
        verbose_name_plural = "playbook entries"

    def __str__(self) -> str:
        return f"{self.user_id} in {self.playbook_id}"


class Intervention(models.Model):
    """One thing to be done for one user. Planned by a playbook, at most once for each step of an entry, or by hand."""

    pk = models.CompositePrimaryKey("tenant", "id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    id = models.CharField(max_length=40, db_default=PrefixedId(prefix="int"))
    user_id = models.CharField(max_length=255)
    playbook_id = models.UUIDField(null=True)
    entry = models.IntegerField(null=True, help_text="The number of the playbook's entry; null if made by hand")
    step = models.SmallIntegerField(null=True, help_text="Which of the entry's delays, from 1")
    status = models.CharField(max_length=20, choices=InterventionStatus, default=InterventionStatus.PLANNED)
    channel = models.CharField(max_length=16, choices=Channel, default=Channel.EXTERNAL_ACTION)
    message_body = models.TextField(null=True)  # noqa: DJ001  # none yet
    reasoning = models.TextField(null=True)  # noqa: DJ001  # none yet
    confidence = models.FloatField(null=True)
    planned_at = models.DateTimeField(db_default=Now())
    approved_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    flagged = models.BooleanField(db_default=False)
    flag_reason = models.TextField(null=True)  # noqa: DJ001  # none
    quality_checks = models.JSONField(null=True)
    decision_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # none yet
    position = models.BigIntegerField(
        null=True,
        editable=False,
        db_default=CommitPosition(),
        help_text="In the order of commits; null in rows of before there was one",
    )

    class Meta:
        ordering = ["-planned_at", "-id"]
        indexes = [
            models.Index("tenant", "planned_at", "id", name="intervention_listed"),
            models.Index(
                "tenant", "position", "id", name="intervention_committed", condition=Q(position__isnull=False)
            ),
            models.Index("tenant", "user_id", "planned_at", "id", name="intervention_of_user"),
            models.Index("tenant", "planned_at", "id", name="intervention_ready", condition=Q(status__in=READY)),
            models.Index(
                "tenant",
                "playbook_id",
                "planned_at",
                "status",
                name="intervention_ended",
                condition=Q(status__in=WITH_OUTCOME),
            ),
            models.Index("tenant", "sent_at", name="intervention_followed", condition=Q(status__in=FOLLOWED)),
        ]
        constraints = [
            # That nothing intervenes twice, whatever runs at once and whatever is killed. By hand there is no entry.
            models.UniqueConstraint(
                fields=["tenant", "playbook_id", "user_id", "entry", "step"], name="intervention_once_for_each_step"
            ),
            models.CheckConstraint(
                condition=Q(entry__isnull=True, step__isnull=True)
                | Q(entry__isnull=False, step__isnull=False, playbook_id__isnull=False),
                name="intervention_entry_is_of_a_playbook",
            ),
            models.CheckConstraint(condition=Q(status__in=InterventionStatus.values), name="intervention_status_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="intervention_channel_known"),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__range=(0, 1)), name="intervention_confidence_share"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class CostState(models.TextChoices):
    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


class Decision(models.Model):
    """One row of the ledger: what was asked, what could have been done, what was, and what came of it.

    `candidates` are `{action, action_type_id, score, confidence, propensity, excluded_because}`, in the order of the
    draw, whose seed is the id, or `ID/1` and so on if it was drawn again.
    `features` has every feature that there was; null is one that is not known.
    """

    pk = models.CompositePrimaryKey("tenant", "id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    id = models.CharField(max_length=40)
    user_id = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    request = models.JSONField()
    candidates = models.JSONField()
    guardrails = models.JSONField(help_text="Names of those that applied")
    stopped_by = models.CharField(max_length=32, null=True, help_text="The first of them that left nothing to draw")  # noqa: DJ001
    action = models.CharField(max_length=100, null=True)  # noqa: DJ001  # nothing is done
    action_type_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # nothing is done
    parameters = models.JSONField(null=True)
    confidence = models.FloatField(null=True)
    propensity = models.FloatField(help_text="Of what was done; 1 where there was nothing to draw")
    reasoning = models.TextField()
    model_version = models.BigIntegerField()
    features = models.JSONField()
    prior_share = models.FloatField(null=True)
    holdout = models.BooleanField()
    shadow = models.BooleanField()
    compared = models.BooleanField(help_text="Counts for the lift: no switch or suspension held the whole tenant")
    action_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # not dispatched
    intervention_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # asked for by the API
    request_id = models.CharField(
        max_length=128, blank=True, db_default="", help_text="Of the API's request, or the job, that made it"
    )
    cost_usd = models.DecimalField(max_digits=18, decimal_places=6, null=True, help_text="Of the dispatched action")
    cost_state = models.CharField(max_length=8, choices=CostState, null=True)  # noqa: DJ001  # costs nothing
    converted_at = models.DateTimeField(null=True)
    conversion = models.FloatField(db_default=0.0)
    closed_at = models.DateTimeField(null=True, help_text="No conversion after it counts")
    position = models.BigIntegerField(
        null=True,
        editable=False,
        db_default=CommitPosition(),
        help_text="In the order of commits; null in rows of before there was one",
    )

    class Meta:
        indexes = [
            models.Index("tenant", "created_at", "id", name="decision_listed"),
            models.Index("tenant", "position", "id", name="decision_committed", condition=Q(position__isnull=False)),
            models.Index("created_at", "id", name="decision_newest"),  # staff's list, over all tenants
            models.Index("tenant", "user_id", "created_at", name="decision_of_user"),
            models.Index("tenant", "created_at", name="decision_open", condition=Q(closed_at__isnull=True)),
            # Over all tenants: whose decisions are of an age to be looked at.
            models.Index("created_at", "tenant", name="decision_due", condition=Q(closed_at__isnull=True)),
            models.Index("tenant", "created_at", name="decision_reserving", condition=Q(cost_state="reserved")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(action__isnull=True, action_type_id__isnull=True)
                | Q(action__isnull=False, action_type_id__isnull=False, parameters__isnull=False),
                name="decision_action_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="decision_propensity_above_0"
            ),
            models.CheckConstraint(
                condition=Q(action_id__isnull=True) | Q(action__isnull=False, shadow=False),
                name="decision_dispatch_has_action",
            ),
            models.CheckConstraint(
                condition=Q(stopped_by__isnull=True) | Q(action__isnull=True), name="decision_stopped_does_nothing"
            ),
            models.CheckConstraint(condition=Q(conversion__range=(0, 1)), name="decision_conversion_share"),
        ]

    def __str__(self) -> str:
        return self.id


class DecisionRow(models.Model):
    """`Decision` by its id, which is unique over all tenants: the admin has no pages for composite keys."""

    id = models.CharField(primary_key=True, max_length=40)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, related_name="+")
    user_id = models.CharField("user", max_length=255)
    created_at = models.DateTimeField()
    request = models.JSONField()
    candidates = models.JSONField()
    guardrails = models.JSONField()
    stopped_by = models.CharField(max_length=32, null=True)  # noqa: DJ001  # as in Decision
    action = models.CharField(max_length=100, null=True)  # noqa: DJ001  # as in Decision
    action_type_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # as in Decision
    parameters = models.JSONField(null=True)
    confidence = models.FloatField(null=True)
    propensity = models.FloatField()
    reasoning = models.TextField()
    model_version = models.BigIntegerField()
    features = models.JSONField()
    prior_share = models.FloatField(null=True)
    holdout = models.BooleanField("held out")
    shadow = models.BooleanField("shadow mode")
    action_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # as in Decision
    intervention_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # as in Decision
    request_id = models.CharField("request", max_length=128)
    cost_usd = models.DecimalField("cost in USD", max_digits=18, decimal_places=6, null=True)
    cost_state = models.CharField(max_length=8, choices=CostState, null=True)  # noqa: DJ001  # as in Decision
    converted_at = models.DateTimeField(null=True)
    conversion = models.FloatField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "decisions_decision"
        verbose_name = "decision"

    def __str__(self) -> str:
        return self.id


class LiftCount(models.Model):
    """A tenant's users of the last 30 days, by whether they were held out, as `decisions.lift` counted them last.

    Kept because a partner asks for the sums over all its customers at once.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    counted_at = models.DateTimeField()
    treated = models.IntegerField()
    treated_converted = models.IntegerField()
    held_out = models.IntegerField()
    held_out_converted = models.IntegerField()

    class Meta:
        indexes = [models.Index("counted_at", name="lift_count_age")]
        constraints = [
            models.CheckConstraint(
                condition=Q(treated_converted__range=(0, F("treated")), held_out_converted__range=(0, F("held_out"))),
                name="lift_count_converted_of_those",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}, {self.counted_at:%Y-%m-%d %H:%M}"


class LiftTrial(models.Model):
    """The users of a tenant's trial, by whether they were held out, of whom no conversion is awaited any more.

    `decisions.lift.trial` counts them. There is a row since the tenant's conversion was set.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    started_at = models.DateTimeField()
    treated = models.IntegerField()
    treated_converted = models.IntegerField()
    held_out = models.IntegerField()
    held_out_converted = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(treated_converted__range=(0, F("treated")), held_out_converted__range=(0, F("held_out"))),
                name="lift_trial_converted_of_those",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}, since {self.started_at:%Y-%m-%d %H:%M}"


class Budget(models.Model):
    """What a tenant's actions of one month (UTC) cost: what was delivered, and what may yet be."""

    pk = models.CompositePrimaryKey("tenant", "month")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day")
    reserved_usd = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    settled_usd = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    exhausted_at = models.DateTimeField(null=True, help_text="When it first refused an action, which is told once")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(reserved_usd__gte=0, settled_usd__gte=0), name="budget_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"

"""What is to be done for a user, and each attempt at telling a receiver so.

An action's row is its own job (docs/decisions/0005): `due_at` says when the worker is to send it. A lease is a due time
in the future, so an action whose worker died comes due again by itself.
"""

from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models.functions import Now

from retivo.database.commits import CommitPosition
from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant


class ActionStatus(models.TextChoices):
    PENDING = "pending"
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


# What the worker still has to do with.
OPEN = (ActionStatus.PENDING, ActionStatus.DISPATCHED)


class OutcomeStatus(models.TextChoices):
    COMPLETED = "completed"
    IGNORED = "ignored"
    REJECTED = "rejected"
    PARTIAL = "partial"


class OutcomeReporter(models.TextChoices):
    """Who reported an outcome."""

    TENANT = "tenant", "The tenant"
    PARTNER = "partner", "Its partner"
    OUTCOME_URL = "outcome_url", "Whoever was sent the outcome URL"
    ANSWER = "answer", "The receiver, in its answer"


class FailureReason(models.TextChoices):
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ENDPOINT_GONE = "endpoint_gone"
    INVALID_PARAMETERS = "invalid_parameters"
    PARAMETERS_TOO_COSTLY = "parameters_too_costly"
    ACTION_TYPE_INACTIVE = "action_type_inactive"
    USER_OPTED_OUT = "user_opted_out"
    TENANT_DELETING = "tenant_deleting"
    INTEGRATION_UNSHARED = "integration_unshared"
    INTERNAL_ERROR = "internal_error"


# What the endpoint, or Retivo, failed at: the action itself can be sent again. advance_recoveries() has the same.
RECOVERABLE = (FailureReason.ATTEMPTS_EXHAUSTED, FailureReason.ENDPOINT_GONE, FailureReason.INTERNAL_ERROR)


class Action(models.Model):
    """An action for one user of one tenant.

    The foreign keys `action_of_own_user` and `action_of_own_type` hold its user and its type to the tenant.
    """

    pk = models.CompositePrimaryKey("tenant", "id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    id = models.CharField(max_length=40, db_default=PrefixedId(prefix="ea"))
    action_type_id = models.CharField(max_length=40)
    # As they were when it was decided.
    action_type = models.CharField(max_length=100)
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63, blank=True)
    user_id = models.CharField(max_length=255)
    decision_id = models.CharField(max_length=40, null=True)  # noqa: DJ001  # none is not an id
    request_id = models.CharField(
        max_length=128, blank=True, db_default="", help_text="Of the API's request, or the job, that made it"
    )
    revision = models.IntegerField(null=True, help_text="Of its integration, when it was decided")
    parameters = models.JSONField()
    status = models.CharField(max_length=16, choices=ActionStatus, default=ActionStatus.PENDING)
    due_at = models.DateTimeField(help_text="When it is to be sent next; while it is being sent, the lease's end")
    leased_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0, help_text="Begun, with those that a worker did not live to record")
    replayed_from = models.IntegerField(default=0, help_text="The attempts before the schedule began anew")
    failure_reason = models.CharField(max_length=32, choices=FailureReason, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    outcome_status = models.CharField(max_length=16, choices=OutcomeStatus, null=True)  # noqa: DJ001  # not yet
    outcome_result = models.JSONField(null=True)
    outcome_at = models.DateTimeField(null=True)
    outcome_by = models.CharField(  # noqa: DJ001  # not yet
        max_length=16,
        choices=OutcomeReporter,
        null=True,
        help_text="Who reported the outcome; null in rows of before others than the tenant could",
    )
    position = models.BigIntegerField(
        null=True,
        editable=False,
        db_default=CommitPosition(),
        help_text="In the order of commits; null in rows of before there was one",
    )

    class Meta:
        indexes = [
            models.Index("tenant", "action_type_id", "due_at", name="action_due", condition=models.Q(status__in=OPEN)),
            models.Index("expires_at", name="action_expiry", condition=models.Q(status__in=OPEN)),
            models.Index("expires_at", "id", name="action_failed", condition=models.Q(status="failed")),
            models.Index("leased_until", name="action_in_flight", condition=models.Q(leased_until__isnull=False)),
            models.Index("tenant", "created_at", "id", name="action_listed"),
            models.Index(
                "tenant", "position", "id", name="action_committed", condition=models.Q(position__isnull=False)
            ),
            models.Index("created_at", "id", name="action_newest"),  # staff's list, over all tenants
            models.Index("tenant", "user_id", "created_at", name="action_of_user"),
            # What a partner reports names no tenant.
            HashIndex(fields=["id"], name="action_sent", condition=models.Q(attempts__gt=0)),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=ActionStatus.values), name="action_status_known"),
            models.CheckConstraint(
                condition=models.Q(outcome_status__isnull=True, outcome_at__isnull=True)
                | models.Q(outcome_status__in=OutcomeStatus.values, outcome_at__isnull=False, status="completed"),
                name="action_outcome_completes",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome_by=None)
                | models.Q(outcome_by__in=OutcomeReporter.values, outcome_status__isnull=False),
                name="action_outcome_by_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="failed") | ~models.Q(failure_reason=""), name="action_failure_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class ActionChange(models.Model):
    """That an action came to an end, or that its outcome was reported: what hangs on its decision has to be looked at.

    Written by the trigger `note_change` with the change itself. A failed action is worth a second look when it expires,
    for no replay delivers it from then on.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    action_id = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    delivered = models.BooleanField(db_default=False, help_text="It arrived by this change; counted once for an action")
    outcome = models.BooleanField(db_default=False, help_text="Its outcome was reported by this change")

    class Meta:
        indexes = [models.Index("tenant", "due_at", name="action_change_due")]

    def __str__(self) -> str:
        return self.action_id


class Attempt(models.Model):
    """One request to the receiver, and what came of it."""

    pk = models.CompositePrimaryKey("tenant", "action_id", "number")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    action_id = models.CharField(max_length=40)
    number = models.IntegerField()
    started_at = models.DateTimeField()
    latency_ms = models.IntegerField()
    status_code = models.SmallIntegerField(null=True)
    error = models.CharField(max_length=32, blank=True, help_text="Why there is no status; see delivery.transport")
    response = models.TextField(blank=True, help_text="The answer's first KiB; empty after 30 days")
    outcome_refusal = models.CharField(
        max_length=32,
        blank=True,
        db_default="",
        help_text="Why the outcome in the answer was not taken: a problem's code",
    )

    class Meta:
        indexes = [
            models.Index("tenant", "started_at", name="attempt_with_answer", condition=~models.Q(response="")),
        ]

    def __str__(self) -> str:
        return f"{self.action_id}#{self.number}"


class FailureCount(models.Model):
    """How many actions failed at an endpoint for a reason, in the last hour in which any did, and in the one before.

    The first in an hour is an event `action.failed` of the partner.
    """

    pk = models.CompositePrimaryKey("tenant", "endpoint_id", "reason")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint_id = models.UUIDField()
    reason = models.CharField(max_length=32, choices=FailureReason)
    hour = models.DateTimeField()
    failed = models.IntegerField()
    failed_before = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.reason}: {self.failed}"

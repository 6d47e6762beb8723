"""What is to be done for a user, each attempt at telling a receiver so, and how the receivers are.

An action's row is its own job (docs/decisions/0005): `due_at` says when the worker is to send it. A lease is a due time
in the future, so an action whose worker died comes due again by itself.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now

from integrations.models import PartnerIntegration
from retivo.database.commits import CommitPosition
from retivo.database.prefixed_id import PrefixedId
from tenants.models import PartnerEvent, Tenant


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


# What the endpoint, or Retivo, failed at: the action itself can be sent again. recover_actions() has the same.
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


class EndpointStatus(models.TextChoices):
    """How a receiver's address is. The trigger `status_of_endpoint` tells it from what is counted."""

    WELL = "well"
    SLOW = "slow"  # takes longer than two seconds to answer
    FAILING = "failing"  # failed since it last answered
    OPEN = "open"  # failed so often that it is left alone for a while, again and again, until it answers
    DISABLED = "disabled"  # nothing is sent to it until somebody enables it


class DisabledBecause(models.TextChoices):
    ENDPOINT_GONE = "endpoint_gone", "It answered 410 Gone"


class Endpoint(models.Model):
    """A receiver's address, and how it is: of the tenant that registered it, whose customers it may serve.

    Each address of a partner's integrations has a row: the trigger `register_endpoint` makes it. Any other has one once
    it failed or was slow.
    """

    pk = models.CompositePrimaryKey("tenant", "id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    id = models.UUIDField(help_text="md5 of the tenant and the URL, which itself can be too long for an index")
    url = models.CharField(max_length=2000)
    registered_at = models.DateTimeField(null=True, help_text="With an integration; null of other addresses")
    consecutive_failures = models.IntegerField(default=0)
    openings = models.IntegerField(default=0, help_text="Since it last answered: each is twice as long")
    open_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=32, choices=DisabledBecause, null=True)  # noqa: DJ001  # is not
    slow_since = models.DateTimeField(null=True, help_text="It has taken longer than it may since then")
    status = models.CharField(max_length=8, choices=EndpointStatus, db_default=EndpointStatus.WELL, editable=False)
    since = models.DateTimeField(db_default=Now(), editable=False, help_text="It has had this status")
    failing_told_at = models.DateTimeField(null=True, editable=False, help_text="The last event `endpoint.failing`")
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=32, blank=True, help_text="A status, or an attempt's error")
    latencies = ArrayField(
        models.IntegerField(), db_default=[], default=list, help_text="Of its last 100 answers, in ms, newest first"
    )
    waiting = models.IntegerField(db_default=0, default=0, help_text="Actions, as count_endpoints() found")
    customers_affected = models.IntegerField(db_default=0, default=0)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                "open_until",
                "disabled_at",
                name="endpoint_unwell",
                condition=models.Q(open_until__isnull=False) | models.Q(disabled_at__isnull=False),
            ),
            models.Index(
                "tenant",
                "registered_at",
                "id",
                name="endpoint_listed",
                condition=models.Q(registered_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(disabled_at=None, disabled_because=None)
                | models.Q(disabled_at__isnull=False, disabled_because__in=DisabledBecause.values),
                name="endpoint_disabled_because",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class EndpointHour(models.Model):
    """How many actions failed at an endpoint in an hour, of the last 24."""

    pk = models.CompositePrimaryKey("tenant", "endpoint_id", "hour")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint_id = models.UUIDField()
    hour = models.DateTimeField()
    failed = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.endpoint_id} at {self.hour}: {self.failed}"


class RecoveryStatus(models.TextChoices):
    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"  # the endpoint was disabled meanwhile


class Recovery(models.Model):
    """Failed actions to an endpoint are sent again, those of all customers: the row is the job of recover_actions().

    There is one for a window of an endpoint, `recovery_of_window`; its foreign key is `recovery_of_own_endpoint`.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="rcv"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint_id = models.UUIDField()
    since = models.DateTimeField(help_text="Actions dispatched from then on")
    until = models.DateTimeField(null=True, help_text="And before then")
    status = models.CharField(max_length=16, choices=RecoveryStatus, db_default=RecoveryStatus.RUNNING)
    actions = models.IntegerField(help_text="That could be replayed when it began")
    customers = models.IntegerField(help_text="Whose those were")
    replayed = models.IntegerField(db_default=0)
    # Where it got to among failed actions, in the order of their expiry.
    place_expires_at = models.DateTimeField(null=True, editable=False)
    place_action_id = models.CharField(max_length=40, blank=True, db_default="", editable=False)
    due_at = models.DateTimeField(db_default=Now(), editable=False, help_text="Of its next batch")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("due_at", name="recovery_due", condition=models.Q(status="running"))]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "endpoint_id", "since", "until"], name="recovery_of_window", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(status="running", finished_at=None)
                | models.Q(status__in=["completed", "stopped"], finished_at__isnull=False),
                name="recovery_finished_by_status",
            ),
        ]

    def __str__(self) -> str:
        return self.id


class CertificationStatus(models.TextChoices):
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class Certification(models.Model):
    """An endpoint is tried with probes, as an integration signs them. One that passed is the endpoint's certificate.

    It is of a version of the integration's secret and of a revision: `certified_at` says whether it still holds. Its
    foreign keys are `certification_of_own_endpoint`, `certification_of_secret` and `certification_of_revision`.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="crt"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint_id = models.UUIDField()
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    secret_version = models.IntegerField()
    revision = models.IntegerField(help_text="The newest of the integration that sends there")
    status = models.CharField(max_length=8, choices=CertificationStatus, db_default=CertificationStatus.RUNNING)
    report = models.JSONField(db_default=Value([], models.JSONField()), help_text="What each check saw, in order")
    leased_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index("created_at", "id", name="certification_waits", condition=models.Q(status="running")),
            models.Index("tenant", "endpoint_id", "integration", "created_at", name="certification_of_endpoint"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "endpoint_id", "integration"],
                name="certification_one_at_a_time",
                condition=models.Q(status="running"),
            ),
            models.CheckConstraint(
                condition=models.Q(status="running", finished_at=None)
                | models.Q(status__in=["passed", "failed"], finished_at__isnull=False),
                name="certification_finished_by_status",
            ),
        ]

    def __str__(self) -> str:
        return self.id


class ActionRow(models.Model):
    """`Action` by its id, which is unique over all tenants: the admin has no pages for composite keys."""

    id = models.CharField(primary_key=True, max_length=40)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, related_name="+")
    action_type = models.CharField(max_length=100)
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63)
    user_id = models.CharField("user", max_length=255)
    decision_id = models.CharField("decision", max_length=40, null=True)  # noqa: DJ001  # as in Action
    request_id = models.CharField("request", max_length=128)
    parameters = models.JSONField()
    status = models.CharField(max_length=16, choices=ActionStatus)
    due_at = models.DateTimeField()
    attempts = models.IntegerField()
    failure_reason = models.CharField(max_length=32, choices=FailureReason)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    outcome_status = models.CharField(max_length=16, choices=OutcomeStatus, null=True)  # noqa: DJ001  # as in Action
    outcome_result = models.JSONField(null=True)
    outcome_by = models.CharField(  # noqa: DJ001  # as in Action
        "reported by", max_length=16, choices=OutcomeReporter, null=True
    )

    class Meta:
        managed = False
        db_table = "delivery_action"
        verbose_name = "action"

    def __str__(self) -> str:
        return self.id


class EndpointRow(models.Model):
    """`Endpoint` in the same way."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, related_name="+")
    url = models.CharField("URL", max_length=2000)
    registered_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=EndpointStatus)
    since = models.DateTimeField()
    consecutive_failures = models.IntegerField()
    openings = models.IntegerField()
    open_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=32, choices=DisabledBecause, null=True)  # noqa: DJ001  # as above
    slow_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField("last success", null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=32)
    waiting = models.IntegerField()
    customers_affected = models.IntegerField()
    counted_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_endpoint"
        verbose_name = "endpoint"

    def __str__(self) -> str:
        return self.url


class Webhook(models.Model):
    """An address that a partner wants its events sent to.

    A deleted one is kept without its secrets until `delivery.forgetting` has deleted what was sent to it.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="wh"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    url = models.CharField("URL", max_length=2000)
    types = ArrayField(models.CharField(max_length=64), null=True, help_text="Of the events; null for all")
    description = models.CharField(max_length=500, blank=True)
    active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, help_text="Since then it is off, because it answered 410 Gone")
    encrypted_secret = models.BinaryField(null=True, editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [models.Index("tenant", "created_at", "id", name="webhook_listed")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="webhook_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(deleted_at__isnull=True, encrypted_secret__isnull=False)
                | models.Q(deleted_at__isnull=False, encrypted_secret=None, encrypted_previous_secret=None),
                name="webhook_has_secret_until_deleted",
            ),
            models.CheckConstraint(
                condition=models.Q(disabled_at__isnull=True) | models.Q(active=False), name="webhook_disabled_is_off"
            ),
            models.CheckConstraint(
                condition=models.Q(deleted_at__isnull=True) | models.Q(active=False), name="webhook_deleted_is_off"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookReader(models.Model):
    """How far a webhook has got in its partner's events: `fan_out_events` makes a delivery of each that it passes.

    Each webhook has one that follows the feed for ever, and one for each replay, which ends at `until_seq`.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="rp"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    seq = models.BigIntegerField(help_text="Of the last event that it passed")
    until_seq = models.BigIntegerField(null=True, help_text="Where a replay ends; null follows the feed")
    types = ArrayField(models.CharField(max_length=64), null=True, help_text="Of those of the webhook; null for all")
    events = models.IntegerField(default=0, help_text="Of which it made deliveries")
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook"], name="webhook_follows_once", condition=models.Q(until_seq__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["webhook"],
                name="webhook_replays_once_at_a_time",
                condition=models.Q(until_seq__isnull=False, completed_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=models.Q(completed_at__isnull=True) | models.Q(until_seq__isnull=False),
                name="webhook_follows_for_ever",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} at {self.seq}"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(models.Model):
    """An event for one webhook. Its row is its own job, as an action's is."""

    pk = models.CompositePrimaryKey("webhook", "event")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    event = models.ForeignKey(PartnerEvent, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    status = models.CharField(max_length=16, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    replayed_from = models.IntegerField(default=0, help_text="The attempts before the schedule began anew")
    failure_reason = models.CharField(max_length=32, choices=FailureReason, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index("webhook", "due_at", name="webhook_delivery_due", condition=models.Q(status="pending")),
            models.Index(
                "leased_until", name="webhook_delivery_in_flight", condition=models.Q(leased_until__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=DeliveryStatus.values), name="webhook_delivery_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(models.Q(status="failed"), ~models.Q(failure_reason=""))
                | (~models.Q(status="failed") & models.Q(failure_reason="")),
                name="webhook_delivery_failure_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}"


class WebhookAttempt(models.Model):
    """One request to a webhook, and what came of it; see `Attempt`."""

    pk = models.CompositePrimaryKey("webhook_id", "event_id", "number")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    webhook_id = models.CharField(max_length=40)
    event_id = models.CharField(max_length=40)
    number = models.IntegerField()
    started_at = models.DateTimeField()
    latency_ms = models.IntegerField()
    status_code = models.SmallIntegerField(null=True)
    error = models.CharField(max_length=32, blank=True)
    response = models.TextField(blank=True, help_text="The answer's first KiB")

    class Meta:
        indexes = [models.Index("tenant", "webhook_id", "started_at", "event_id", name="webhook_attempt_listed")]

    def __str__(self) -> str:
        return f"{self.event_id}#{self.number}"


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

"""Endpoints that webhooks are sent to: health, recovery, certification."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now

from integrations.models import PartnerIntegration
from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant


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

    Each address of a partner's integrations has a row: the trigger `note_address` makes it. Any other has one once
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
    """Failed actions to an endpoint are sent again, those of all customers: the row is the job of advance_recoveries().

    There is one for a window of an endpoint, `recovery_of_window`, and one that runs, `recovery_one_at_a_time`; its
    foreign key is `recovery_of_own_endpoint`.
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
            models.UniqueConstraint(
                fields=["tenant", "endpoint_id"], name="recovery_one_at_a_time", condition=models.Q(status="running")
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

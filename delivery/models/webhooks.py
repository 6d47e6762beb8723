"""Partners' webhooks for events, what is to be sent to them, and each attempt."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from delivery.models.actions import FailureReason
from retivo.database.prefixed_id import PrefixedId
from tenants.models import PartnerEvent, Tenant


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
    """How far a webhook has got in its partner's events: `hand_out_events` makes a delivery of each that it passes.

    Each webhook has one that follows the feed for ever, and one for each replay, which ends at `until_seq`.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="rp"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    seq = models.BigIntegerField(help_text="Of the last event that it passed")
    until_seq = models.BigIntegerField(null=True, help_text="Where a replay ends; null follows the feed")
    types = ArrayField(models.CharField(max_length=64), null=True, help_text="Of those of the webhook; null for all")
    events = models.IntegerField(default=0, help_text="Of which it made deliveries")
    rests_until = models.DateTimeField(null=True, help_text="After a fault, which keeps no other reader from going on")
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

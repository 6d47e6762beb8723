"""What partners are told."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from retivo.database.prefixed_id import PrefixedId
from tenants.models.tenants import Tenant


class PartnerEvent(models.Model):
    """What happened to a partner or to one of its customers, as the partner is told: no end user's data is in it.

    Written in the change's own transaction, never altered; `number_event` numbers it at COMMIT. The customer is a plain
    value, for the event outlives it.
    """

    id = models.CharField(primary_key=True, max_length=40, db_default=PrefixedId(prefix="evt"))
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", db_index=False, help_text="The partner"
    )
    seq = models.BigIntegerField(null=True, editable=False, help_text="In the partner's feed, without gaps")
    type = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    customer_id = models.UUIDField(null=True, help_text="None of an event about the partner itself")
    external_id = models.CharField(max_length=255, null=True, help_text="The customer's, then")  # noqa: DJ001  # none
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, blank=True, db_default="")
    data = models.JSONField()
    previous = models.JSONField(null=True, help_text="What changed members of `data` were before")

    class Meta:
        verbose_name, verbose_name_plural = "event of a partner", "events of partners"
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="partner_event_seq_unique")]
        indexes = [
            models.Index(
                fields=["customer_id", "seq"], name="partner_event_of_customer", condition=Q(customer_id__isnull=False)
            ),
            models.Index(fields=["created_at"], name="partner_event_age"),
            models.Index(fields=["tenant", "created_at", "id"], name="partner_event_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class EventHead(models.Model):
    """The number of a partner's newest event, which the database's function `number_event` moves."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    seq = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.seq}"

"""What an integration is at one time, and its action types."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Now

from integrations.models.integrations import PartnerIntegration
from integrations.models.names import KIND, SNAKE_CASE, KindSource
from tenants.models import Tenant


class ActionTypeTemplate(models.Model):
    """An action type of an integration, known by its name, as it was first registered.

    What is learned of it hangs on its id, whatever later revisions make of it (`RevisionTemplate`). So does its kind,
    which is what learning compares it by with other partners' action types (`integrations.kinds`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="templates", db_constraint=False, db_index=False
    )
    position = models.PositiveSmallIntegerField(help_text="In the order of registration")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict, blank=True)
    delivery_webhook = models.CharField(max_length=2000)
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    since_revision = models.IntegerField(db_default=1, default=1, editable=False)
    kind = models.CharField(  # noqa: DJ001  # none is not an empty kind
        max_length=100, null=True, help_text="Of integrations.taxonomy; null if it has none"
    )
    kind_source = models.CharField(
        max_length=8, choices=KindSource, default=KindSource.PROPOSED, db_default=KindSource.PROPOSED
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "name"], name="template_name_unique_in_integration"),
            models.UniqueConstraint(fields=["id", "integration"], name="template_id_integration"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="template_name_format"),
            models.CheckConstraint(condition=Q(kind__regex=KIND), name="template_kind_format"),
            models.CheckConstraint(condition=Q(kind_source__in=KindSource.values), name="template_kind_source_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Revision(models.Model):
    """What an integration is at one time: its action types (`RevisionTemplate`) and its event mappings.

    The trigger `first_revision` makes the first with the integration; none ever changes (`revision_stays`).
    """

    pk = models.CompositePrimaryKey("integration", "number")
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="revisions", db_constraint=False, db_index=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    number = models.IntegerField()
    base = models.IntegerField(null=True, help_text="The revision that all had when it was published")
    event_mappings = models.JSONField(default=list)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.integration_id} #{self.number}"


class RevisionTemplate(models.Model):
    """An action type as a revision has it.

    Where its actions are sent is the only thing that changes: a correction of addresses is one of all revisions.
    """

    pk = models.CompositePrimaryKey("integration", "revision", "name")
    integration = models.ForeignKey(
        PartnerIntegration,
        on_delete=models.CASCADE,
        related_name="revision_templates",
        db_constraint=False,
        db_index=False,
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    revision = models.IntegerField()
    name = models.CharField(max_length=100)
    template = models.ForeignKey(ActionTypeTemplate, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    position = models.PositiveSmallIntegerField()
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict)
    delivery_webhook = models.CharField(max_length=2000)
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index("tenant", MD5("delivery_webhook"), name="template_by_address")]

    def __str__(self) -> str:
        return f"{self.name} #{self.revision}"

"""What a partner can do, and which of it stands in which customer's tenant."""

import uuid

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant

SNAKE_CASE = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
PROVIDER = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"


class PartnerIntegration(models.Model):
    """A partner's platform: its actions, its event names, and the secret that signs what is sent to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="integrations", db_index=False)
    provider = models.CharField(max_length=63)
    display_name = models.CharField(max_length=200)
    domain = models.CharField(max_length=63, blank=True)
    event_mappings = models.JSONField(default=list, blank=True)
    encrypted_webhook_secret = models.BinaryField(editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    active = models.BooleanField(default=True)
    held = models.JSONField(
        db_default=Value({}, models.JSONField()),
        default=dict,
        editable=False,
        help_text="The partner's switches by an action type's name, or by `*`",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["tenant", "created_at", "id"], name="integration_listed")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider"], name="integration_provider_unique_in_partner"),
            models.UniqueConstraint(fields=["id", "tenant"], name="integration_id_tenant"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="integration_provider_format"),
        ]

    def __str__(self) -> str:
        return self.display_name


class ActionTypeTemplate(models.Model):
    """An action type as the partner registered it, copied into each tenant that the integration is shared with."""

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

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "name"], name="template_name_unique_in_integration"),
            models.UniqueConstraint(fields=["id", "integration"], name="template_id_integration"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="template_name_format"),
        ]

    def __str__(self) -> str:
        return self.name


class IntegrationShare(models.Model):
    """An integration that a customer has.

    Composite foreign keys take the place of Django's, `share_with_own_customer` and `share_of_own_integration`: they
    hold that both are of the same partner.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="integration_shares", db_constraint=False, db_index=False
    )
    partner = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.PROTECT, related_name="shares", db_constraint=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration"], name="share_unique"),
            models.UniqueConstraint(fields=["tenant", "integration", "partner"], name="share_with_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} → {self.tenant_id}"


_OWN = Q(partner=None, integration=None, template=None, encrypted_webhook_secret__isnull=False)
_SHARED = Q(
    partner__isnull=False,
    integration__isnull=False,
    template__isnull=False,
    encrypted_webhook_secret=None,
    encrypted_previous_secret=None,
    previous_secret_until=None,
)


class ActionType(models.Model):
    """An action that a tenant's users can be given: its own, or one that its partner shares with it.

    A shared one hangs on its share and its template by composite foreign keys, and signs with its integration's secret.
    An own one has neither, and a secret of its own. Of a shared one a tenant changes `active` alone: the trigger
    `shared_as_registered` holds it.
    """

    id = models.CharField(
        primary_key=True,
        max_length=40,
        editable=False,
        db_default=PrefixedId(prefix="at"),
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="action_types", db_constraint=False, db_index=False
    )
    partner = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    integration = models.ForeignKey(
        PartnerIntegration,
        on_delete=models.PROTECT,
        related_name="action_types",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    template = models.ForeignKey(
        ActionTypeTemplate, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True
    )
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict, blank=True)
    delivery_webhook = models.CharField(max_length=2000)
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    encrypted_webhook_secret = models.BinaryField(null=True, editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider", "name"], name="action_type_name_unique_in_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="action_type_tenant_id"),
            models.CheckConstraint(condition=_OWN | _SHARED, name="action_type_own_or_shared"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="action_type_name_format"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="action_type_provider_format"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.integration_id is not None

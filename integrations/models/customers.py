"""What of a partner's stands in a customer's tenant, and the customer's own action types."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.integrations import PartnerIntegration
from integrations.models.names import KIND, PROVIDER, SNAKE_CASE, KindSource
from integrations.models.revisions import ActionTypeTemplate
from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant


class IntegrationShare(models.Model):
    """An integration that a customer has, at one of its revisions.

    Composite foreign keys take the place of Django's: `share_with_own_customer` and `share_of_own_integration` hold
    that both are of the same partner, `share_at_revision` that the integration has the revision.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="integration_shares", db_constraint=False, db_index=False
    )
    partner = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.PROTECT, related_name="shares", db_constraint=False, db_index=False
    )
    revision = models.IntegerField(db_default=1, default=1)
    ended_at = models.DateTimeField(
        null=True, help_text="The customer has it no more; the row stays for its actions of before"
    )
    cancelled_at = models.DateTimeField(
        null=True, help_text="It was taken from the customer with what was queued: no action of before is sent"
    )
    created_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When it began; anew when it is shared again"
    )

    class Meta:
        indexes = [
            models.Index("integration", "created_at", "tenant", name="share_listed", condition=Q(ended_at__isnull=True))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration"], name="share_unique"),
            models.UniqueConstraint(fields=["tenant", "integration", "partner"], name="share_with_partner"),
            models.UniqueConstraint(fields=["integration", "revision", "tenant"], name="share_of_revision"),
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
# Of an own one, a kind that somebody found; of a shared one nothing.
_KIND = Q(kind=None, kind_source=None) | (
    Q(integration=None, kind_source__in=KindSource.values, kind_source__isnull=False)
    & (Q(kind=None) | Q(kind__regex=KIND))
)


class ActionType(models.Model):
    """An action that a tenant's users can be given: its own, or one that its partner shares with it.

    A shared one hangs on its share and its template by composite foreign keys, and signs with its integration's secret.
    An own one has neither, and a secret of its own. Of a shared one a tenant changes `active` alone, and its partner
    all but that: the trigger `shared_as_registered` holds it.

    The kind of a shared one is its template's (`action_type_shared_without_kind`).

    `action_type_at_revision` and `action_type_of_revision` hold a shared one to a template of its share's revision. One
    without a revision is withdrawn: no more in the share's revision, or of a share that ended.
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
    revision = models.IntegerField(
        null=True, db_default=1, default=1, editable=False, help_text="Of a shared one; null once it is withdrawn"
    )
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict, blank=True)
    delivery_webhook = models.CharField(
        max_length=2000, help_text="Of a shared one as it was copied; it is sent where its revision says"
    )
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    encrypted_webhook_secret = models.BinaryField(null=True, editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    active = models.BooleanField(default=True)
    # Null of a shared one, and where there is none.
    kind = models.CharField(  # noqa: DJ001
        max_length=100, null=True, editable=False, help_text="Of an own one: integrations.taxonomy"
    )
    kind_source = models.CharField(  # noqa: DJ001
        max_length=8,
        choices=KindSource,
        null=True,
        editable=False,
        help_text="Of an own one; null before there were kinds",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider", "name"], name="action_type_name_unique_in_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="action_type_tenant_id"),
            models.CheckConstraint(condition=_OWN | _SHARED, name="action_type_own_or_shared"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="action_type_name_format"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="action_type_provider_format"),
            models.CheckConstraint(condition=_KIND, name="action_type_shared_without_kind"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.integration_id is not None

    @property
    def is_withdrawn(self) -> bool:
        return self.is_shared and self.revision is None

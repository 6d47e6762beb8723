"""A partner's platform, and the secrets that sign what is sent to it."""

import uuid

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from integrations.models.names import PROVIDER
from tenants.models import Tenant


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
    revision = models.IntegerField(
        db_default=1, default=1, editable=False, help_text="The newest that was rolled out to all: new shares get it"
    )
    maps_events_later = models.BooleanField(
        db_default=False, default=False, editable=False, help_text="A revision after the first has event mappings"
    )
    deprecated_at = models.DateTimeField(null=True, editable=False)
    sunset_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(
        null=True, editable=False, help_text="It stays for actions of before; its provider is free again"
    )
    require_certification = models.BooleanField(
        db_default=False, default=False, help_text="Shared once all of its endpoints are certified, and not before"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "integration"
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["tenant", "created_at", "id"], name="integration_listed")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider"], name="integration_provider_unique_in_partner"),
            models.UniqueConstraint(fields=["id", "tenant"], name="integration_id_tenant"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="integration_provider_format"),
            models.CheckConstraint(
                condition=Q(deprecated_at=None, sunset_at=None)
                | Q(deprecated_at__isnull=False, sunset_at__isnull=False, sunset_at__gt=models.F("deprecated_at")),
                name="integration_sunset_after_deprecation",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name


class SecretVersion(models.Model):
    """That an integration has had so many webhook secrets: the newest version is the secret that it has now.

    The trigger `note_secret_version` makes one with the integration and with each rotation, not when a secret is
    encrypted anew. Its foreign key is `secret_of_own_integration`.
    """

    pk = models.CompositePrimaryKey("integration", "version")
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    version = models.IntegerField()
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.integration_id}: {self.version}"

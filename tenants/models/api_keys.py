"""API keys, and what they may do."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from retivo.database.cidr import CidrField
from tenants.models.choices import one_of
from tenants.models.tenants import Tenant


class Scope(models.TextChoices):
    """What a key may do, in two families: `full` is all with the tenant's own data, `partner` all of the Partner API.

    Neither includes the other.
    """

    FULL = "full"
    EVENTS_WRITE = "events:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    DECISIONS_WRITE = "decisions:write"
    OUTCOMES_WRITE = "outcomes:write"
    PLAYBOOKS_WRITE = "playbooks:write"
    SETTINGS_WRITE = "settings:write"
    KEYS_MANAGE = "keys:manage"
    PARTNER = "partner"
    PARTNER_READ = "partner:read"
    PARTNER_CUSTOMERS = "partner:customers"
    PARTNER_INTEGRATIONS = "partner:integrations"
    PARTNER_KEYS = "partner:keys"
    PARTNER_SWITCHES = "partner:switches"

    @property
    def family(self) -> "Scope":
        """The scope that includes this one."""
        return Scope.PARTNER if self.value.startswith(Scope.PARTNER) else Scope.FULL

    @property
    def included(self) -> frozenset["Scope"]:
        """What a key that holds this scope may do: itself, and all of its family if it is the whole of it."""
        return frozenset(scope for scope in Scope if self in (scope, scope.family))


class KeyMode(models.TextChoices):
    LIVE = "live"
    TEST = "test"


class KeyStatus(models.TextChoices):
    """Nothing leads back: an active key is rotated and expires, and any key is revoked."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


class RevokedReason(models.TextChoices):
    """Why a key was revoked, where that is more than that somebody wanted it."""

    LEAKED = "leaked", "Reported as leaked"


class ApiKey(models.Model):
    """A bearer key of a tenant. Its text is not here: only the SHA-256 digest and the first characters.

    A key is rotated once: `replaces` names its predecessor, of the same tenant (`api_key_replaces_own`). The trigger
    `guard_api_key` keeps `partner` scopes to partners, an issuer to keys that are no less bound than itself, and a key
    from becoming valid again. The trigger `first_use` tells the partner of a key's first use.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    digest = models.BinaryField(max_length=32, editable=False)
    prefix = models.CharField(max_length=16, editable=False)
    label = models.CharField(max_length=100, blank=True)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    mode = models.CharField(max_length=8, choices=KeyMode, db_default=KeyMode.LIVE.value, default=KeyMode.LIVE)
    allowed_cidrs = ArrayField(CidrField(), null=True, blank=True, help_text="Where it may be used from")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.CharField(  # noqa: DJ001  # none is nobody
        max_length=200, null=True, editable=False, help_text="As audit entries name actors"
    )
    replaces = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    expiry_told = models.SmallIntegerField(
        null=True, editable=False, help_text="The days before its expiry of which the partner was told last"
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_reason = models.CharField(max_length=16, null=True, editable=False, choices=RevokedReason)  # noqa: DJ001
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute")
    last_used_ip_prefix = CidrField(null=True, editable=False, help_text="The network of that use: /24 or /48")

    class Meta:
        verbose_name = "API key"
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="api_key_newest"),
            models.Index(
                fields=["expires_at"],
                name="api_key_expiring",
                condition=Q(revoked_at=None, expires_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_key_digest_unique"),
            models.UniqueConstraint(fields=["id", "tenant"], name="api_key_id_tenant"),
            models.UniqueConstraint(fields=["replaces"], name="api_key_replaces_unique"),
            # There are no test tenants yet, and a test key on a live one would be as good as a live key.
            models.CheckConstraint(
                condition=Q(mode=KeyMode.LIVE, prefix__startswith="rt_live_")
                | Q(mode=KeyMode.TEST, prefix__startswith="rt_test_", revoked_at__isnull=False),
                name="api_key_live_or_revoked",
            ),
            models.CheckConstraint(
                condition=Q(allowed_cidrs=None) | Q(allowed_cidrs__len__gt=0), name="api_key_cidrs_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None) | Q(revoked_at__gte=F("created_at")), name="api_key_revoked_after_created"
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values, scopes__len__gt=0), name="api_key_scopes_in_list"
            ),
            models.CheckConstraint(
                condition=Q(revoked_reason=None)
                | (Q(revoked_at__isnull=False) & one_of("revoked_reason", RevokedReason)),
                name="api_key_revoked_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

"""Deletions of tenants, and the keys that sign their certificates."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from retivo.database.prefixed_id import PrefixedId
from tenants.models.choices import one_of


class DeletionStatus(models.TextChoices):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    RUNNING = "running"
    VERIFIED = "verified"
    FAILED = "failed"


class Deletion(models.Model):
    """That a tenant is deleted, and what came of it. It outlives the tenant, so it has no foreign key to it.

    Once verified it holds no personal data: the tenant is named by a hash of its id, and the reason is gone.
    """

    OPEN = (DeletionStatus.SCHEDULED, DeletionStatus.RUNNING, DeletionStatus.FAILED)

    id = models.CharField(primary_key=True, max_length=40, db_default=PrefixedId(prefix="del"), editable=False)
    status = models.CharField(max_length=16, choices=DeletionStatus, default=DeletionStatus.SCHEDULED)
    subject_id = models.UUIDField(null=True, help_text="The tenant, while it is there")
    subject_hash = models.CharField(max_length=64, help_text="SHA-256 of the tenant's id in hex")
    external_id_hash = models.CharField(  # noqa: DJ001  # none is not a hash
        max_length=64, null=True, help_text="SHA-256 of `<tenant_id>:<external_id>` in hex"
    )
    owner_id = models.UUIDField(null=True, help_text="The customer's partner, which sees this")
    requested_by = models.CharField(max_length=200)
    requested_at = models.DateTimeField(db_default=Now())
    delete_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, help_text="Until it is verified")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True, help_text="Of the last attempt: the class of the error")
    tables = models.JSONField(default=dict, help_text="Rows deleted, by table")
    releases = models.JSONField(null=True, help_text="What the tenant contributed to, once it is gone")
    jws = models.TextField(blank=True, help_text="The certificate, signed")
    # A worker that was killed loses its lease, and the next one goes on.
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-requested_at", "-id"]
        indexes = [
            models.Index(fields=["owner_id", "requested_at", "id"], name="deletion_by_owner"),
            models.Index(fields=["requested_at", "id"], name="deletion_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id"],
                condition=Q(status__in=["scheduled", "running", "failed"]),
                name="deletion_open_is_one",
            ),
            models.CheckConstraint(condition=one_of("status", DeletionStatus), name="deletion_status_known"),
            models.CheckConstraint(
                condition=Q(status=DeletionStatus.VERIFIED, subject_id=None, reason="", finished_at__isnull=False)
                & ~Q(jws="")
                | ~Q(status=DeletionStatus.VERIFIED) & Q(jws=""),
                name="deletion_verified_names_nobody",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def rows_deleted(self) -> int:
        return sum(self.tables.values())


class CertificateKey(models.Model):
    """A public key that certificates are signed with, or were: they can be verified for as long as they exist."""

    kid = models.CharField(primary_key=True, max_length=43, help_text="RFC 7638 thumbprint")
    x = models.CharField(max_length=43, help_text="Of Ed25519, in base64url")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.kid

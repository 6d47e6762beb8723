"""The audit trail, its chains and their signed checkpoints."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One change of the control plane: written in the change's own transaction, never altered.

    `tenant_id` and `actor` are plain values, not foreign keys: the entry outlives both.
    """

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=64)
    tenant_id = models.UUIDField(null=True, help_text="None of a change to a staff account")
    target_type = models.CharField(max_length=32, null=True, blank=True, editable=False)  # noqa: DJ001  # as the next
    target_id = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001  # none has no hash
    request_id = models.CharField(max_length=128, null=True, blank=True, editable=False)  # noqa: DJ001
    address = models.GenericIPAddressField(
        null=True, editable=False, help_text="The caller's; none of a command or a worker"
    )
    detail = models.JSONField(default=dict)
    redacted_hash = models.BinaryField(
        max_length=32,
        null=True,
        editable=False,
        help_text="As it was written: its tenant was deleted, and `detail` and `address` with it",
    )
    # Null until the transaction commits, and in entries from before there was a chain.
    position = models.BigIntegerField(null=True, editable=False, help_text="In the chain, without gaps")
    previous_hash = models.BinaryField(max_length=32, null=True, editable=False)
    # The same in the chain that tenants see, which a family has of its own: a partner and its customers, or a tenant
    # without a partner. `link_audit_entry` makes all of these of the others.
    family_id = models.UUIDField(null=True, editable=False, help_text="The partner, or the tenant where it has none")
    family_seq = models.BigIntegerField(null=True, editable=False, help_text="In its family's chain, without gaps")
    family_previous_hash = models.BinaryField(max_length=32, null=True, editable=False)
    family_hash = models.BinaryField(max_length=32, null=True, editable=False)
    content_hash = models.BinaryField(
        max_length=32, null=True, editable=False, help_text="Of what goes when the tenant is deleted"
    )
    content_salt = models.BinaryField(
        max_length=16, null=True, editable=False, help_text="Random, and goes with the content; none of earlier entries"
    )
    public_id = models.CharField(  # noqa: DJ001  # as the next
        max_length=40, null=True, editable=False, help_text="Random; none of an entry from before there was one"
    )
    shown_actor = models.CharField(  # noqa: DJ001  # none of an entry about no tenant
        max_length=200, null=True, editable=False, help_text="As tenants see it: staff have no name"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit trail"
        constraints = [
            models.UniqueConstraint(
                fields=["family_id", "family_seq"],
                condition=Q(family_seq__isnull=False),
                name="audit_family_seq_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["family_id", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family",
            ),
            models.Index(
                fields=["family_id", "action", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family_by_action",
            ),
            models.Index(
                fields=["family_id", "shown_actor", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family_by_actor",
            ),
            models.Index(
                fields=["tenant_id", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_tenant",
            ),
            models.Index(fields=["position"], name="audit_by_position"),
            models.Index(fields=["tenant_id", "-id"], name="audit_by_tenant"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class AuditHead(models.Model):
    """Where the chain of audit entries ends: one row, which the database's function `chain_entry` moves."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_head_is_one")]

    def __str__(self) -> str:
        return f"{self.position}:{bytes(self.hash).hex()}"


class AuditCheckpoint(models.Model):
    """Where a family's chain of audit entries stood on a day, signed: whoever has it sees if the chain was made anew.

    It has no foreign key: it outlives the tenant, as the entries do.
    """

    id = models.BigAutoField(primary_key=True)
    family_id = models.UUIDField()
    day = models.DateField(help_text="In UTC, on which it was signed")
    signed_at = models.DateTimeField(db_default=Now())
    seq = models.BigIntegerField(help_text="Of the newest entry then")
    hash = models.BinaryField(max_length=32)
    jws = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["family_id", "day"], name="audit_checkpoint_daily")]
        indexes = [models.Index(fields=["family_id", "signed_at", "id"], name="audit_checkpoint_listed")]

    def __str__(self) -> str:
        return f"{self.family_id}, {self.day}: {self.seq}"

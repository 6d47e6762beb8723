"""Answers kept for requests that are sent again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from tenants.models.tenants import Tenant


class IdempotentAnswer(models.Model):
    """The answer of a request that carried an `Idempotency-Key`, encrypted because it may hold a secret shown once."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    api_key_id = models.UUIDField(null=True, help_text="Of the key that asked; null before this was stored")
    key = models.CharField(max_length=255, help_text="Its SHA-256 in hex")
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    about = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the user's id whose data it holds")
    customers = ArrayField(
        models.BinaryField(max_length=32),
        null=True,
        help_text="Of a partner's answer: SHA-256 of what names customers in it, see `tenants.deletion.named`",
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotent_answer_key_unique")]
        indexes = [
            models.Index(fields=["tenant", "created_at"], name="idempotent_answer_age"),
            models.Index(
                fields=["tenant", "about"], condition=models.Q(about__isnull=False), name="idempotent_answer_about"
            ),
        ]

    def __str__(self) -> str:
        return self.key

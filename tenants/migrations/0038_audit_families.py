"""A partner and its customers have a chain of audit entries of their own, which they may read."""

from importlib import import_module

import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce

_chain = import_module("tenants.migrations.0018_audit_chain")


def _field(name: str, field: models.Field) -> migrations.AddField:  # type: ignore[type-arg]
    return migrations.AddField(model_name="auditentry", name=name, field=field)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0037_rate_limits_validated")]

    operations = [
        _field(
            "family_id",
            models.UUIDField(editable=False, help_text="The partner, or the tenant where it has none", null=True),
        ),
        _field(
            "family_seq",
            models.BigIntegerField(editable=False, help_text="In its family's chain, without gaps", null=True),
        ),
        _field("family_previous_hash", models.BinaryField(max_length=32, null=True)),
        _field("family_hash", models.BinaryField(max_length=32, null=True)),
        _field(
            "content_hash",
            models.BinaryField(help_text="Of what goes when the tenant is deleted", max_length=32, null=True),
        ),
        _field(
            "shown_actor",
            models.CharField(
                editable=False, help_text="As tenants see it: staff have no name", max_length=200, null=True
            ),
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("family_id", models.UUIDField()),
                ("day", models.DateField(help_text="In UTC, on which it was signed")),
                ("signed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seq", models.BigIntegerField(help_text="Of the newest entry then")),
                ("hash", models.BinaryField(max_length=32)),
                ("jws", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["family_id", "signed_at", "id"], name="audit_checkpoint_listed")],
                "constraints": [models.UniqueConstraint(fields=("family_id", "day"), name="audit_checkpoint_daily")],
            },
        ),
        InForce("tenants", "tenants_auditcheckpoint", digest="d403dfb3fa6a", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "audit_hash", digest="3610ce7161b9", reverse_sql=[_chain.AUDIT_HASH]),
        InForce("tenants", "audit_changes", digest="ed7c484319e8", reverse_sql="DROP FUNCTION audit_changes"),
        InForce("tenants", "audit_content_hash", digest="a78e4f9ac0ac", reverse_sql="DROP FUNCTION audit_content_hash"),
        InForce("tenants", "audit_family_hash", digest="a6fe3d7bca82", reverse_sql="DROP FUNCTION audit_family_hash"),
        InForce("tenants", "link_audit_entry", digest="3a9e9f7c33de", reverse_sql="DROP FUNCTION link_audit_entry"),
    ]

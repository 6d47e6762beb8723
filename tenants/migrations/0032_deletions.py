"""Records of deletions, which outlive their tenants, and the keys that their certificates are signed with."""

import django.db.models.functions.datetime
from django.db import migrations, models

import retivo.database.prefixed_id
from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0031_delete_at")]

    operations = [
        migrations.CreateModel(
            name="CertificateKey",
            fields=[
                (
                    "kid",
                    models.CharField(help_text="RFC 7638 thumbprint", max_length=43, primary_key=True, serialize=False),
                ),
                ("x", models.CharField(help_text="Of Ed25519, in base64url", max_length=43)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Deletion",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="del"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("cancelled", "Cancelled"),
                            ("running", "Running"),
                            ("verified", "Verified"),
                            ("failed", "Failed"),
                        ],
                        default="scheduled",
                        max_length=16,
                    ),
                ),
                ("subject_id", models.UUIDField(help_text="The tenant, while it is there", null=True)),
                ("subject_hash", models.CharField(help_text="SHA-256 of the tenant's id in hex", max_length=64)),
                (
                    "external_id_hash",
                    models.CharField(
                        help_text="SHA-256 of `<tenant_id>:<external_id>` in hex", max_length=64, null=True
                    ),
                ),
                ("owner_id", models.UUIDField(help_text="The customer's partner, which sees this", null=True)),
                ("requested_by", models.CharField(max_length=200)),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("delete_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, help_text="Until it is verified", max_length=500)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "failure",
                    models.CharField(
                        blank=True, help_text="Of the last attempt: the class of the error", max_length=200
                    ),
                ),
                ("tables", models.JSONField(default=dict, help_text="Rows deleted, by table")),
                (
                    "releases",
                    models.JSONField(help_text="What the tenant contributed to, once it is gone", null=True),
                ),
                ("jws", models.TextField(blank=True, help_text="The certificate, signed")),
                ("lease", models.UUIDField(editable=False, null=True)),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "ordering": ["-requested_at", "-id"],
            },
        ),
        migrations.AddIndex(
            model_name="deletion",
            index=models.Index(fields=["owner_id", "requested_at", "id"], name="deletion_by_owner"),
        ),
        migrations.AddIndex(
            model_name="deletion",
            index=models.Index(fields=["requested_at", "id"], name="deletion_newest"),
        ),
        migrations.AddConstraint(
            model_name="deletion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["scheduled", "running", "failed"])),
                fields=("subject_id",),
                name="deletion_open_is_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="deletion",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["scheduled", "cancelled", "running", "verified", "failed"])),
                name="deletion_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="deletion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", False),
                        ("reason", ""),
                        ("status", "verified"),
                        ("subject_id", None),
                        models.Q(("jws", ""), _negated=True),
                    ),
                    models.Q(models.Q(("status", "verified"), _negated=True), ("jws", "")),
                    _connector="OR",
                ),
                name="deletion_verified_names_nobody",
            ),
        ),
        InForce("tenants", "tenants_deletion", digest="797bf2c5f105", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "tenants_certificatekey", digest="39a02d281ed0", reverse_sql=migrations.RunSQL.noop),
    ]

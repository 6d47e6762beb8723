"""An integration's webhook secrets are numbered, and it may ask for certified endpoints.

The release before rotates secrets as this one does; the trigger numbers them.
"""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce

_revisions = import_module("integrations.migrations.0010_revision_of_integrations")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0015_revisions_checked")]

    operations = [
        migrations.CreateModel(
            name="SecretVersion",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "integration", "version", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.IntegerField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="require_certification",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Shared once all of its endpoints are certified, and not before",
            ),
        ),
        InForce(
            "integrations",
            "integrations_partnerintegration",
            digest="3988595fc94d",
            reverse_sql=[
                "REVOKE UPDATE (require_certification) ON integrations_partnerintegration FROM app_web",
                _revisions.INTEGRATION,
            ],
        ),
        migrations.RunSQL(
            sql="""
                ALTER TABLE integrations_secretversion ADD CONSTRAINT secret_of_own_integration
                FOREIGN KEY (integration_id, tenant_id) REFERENCES integrations_partnerintegration (id, tenant_id)
                ON DELETE CASCADE
            """,
            reverse_sql="ALTER TABLE integrations_secretversion DROP CONSTRAINT secret_of_own_integration",
        ),
        InForce(
            "integrations",
            "integrations_secretversion",
            digest="95a5aa9626c5",
            reverse_sql=[
                "DROP POLICY staff ON integrations_secretversion",
                "DROP POLICY tenant_isolation ON integrations_secretversion",
            ],
        ),
        InForce(
            "integrations",
            "note_secret_version",
            digest="455dac13134c",
            reverse_sql=[
                "DROP TRIGGER next_secret ON integrations_partnerintegration",
                "DROP TRIGGER first_secret ON integrations_partnerintegration",
                "DROP FUNCTION note_secret_version",
            ],
        ),
        migrations.RunSQL(
            sql="""
                INSERT INTO integrations_secretversion (integration_id, tenant_id, version)
                SELECT id, tenant_id, 1 FROM integrations_partnerintegration
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

"""When a tenant is deleted, what was told of it goes out of the audit trail and the partner's feed; the rest stays."""

from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0032_deletions")]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="redacted_hash",
            field=models.BinaryField(
                help_text="As it was written: its tenant was deleted, and `detail` and `address` with it",
                max_length=32,
                null=True,
            ),
        ),
        InForce(
            "tenants", "redact_audit_entries", digest="e11b29d73acf", reverse_sql="DROP FUNCTION redact_audit_entries"
        ),
        InForce(
            "tenants", "redact_partner_events", digest="e9f44ea70d6a", reverse_sql="DROP FUNCTION redact_partner_events"
        ),
    ]

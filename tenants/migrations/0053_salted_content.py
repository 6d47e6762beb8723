"""The content of audit entries is hashed with a salt: what was redacted cannot be found by trial."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_redacted = import_module("tenants.migrations.0033_redacted_entries")
_families = import_module("tenants.migrations.0038_audit_families")
_former = import_module("tenants.migrations.0051_random_ids_of_entries")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0052_permits_of_tenants")]

    operations = [
        migrations.AddField(
            "auditentry",
            "content_salt",
            models.BinaryField(
                editable=False,
                help_text="Random, and goes with the content; none of earlier entries",
                max_length=16,
                null=True,
            ),
        ),
        InForce("tenants", "tenants_auditentry", digest="5b04d0af5826", reverse_sql=[_former.TENANTS_AUDITENTRY]),
        # First what writes, reads and redacts the salt, last what makes it.
        InForce("tenants", "chain_entry", digest="26c5fde88a98", reverse_sql=[_former.CHAIN_ENTRY]),
        InForce("tenants", "audit_content_hash", digest="f8a3af46cfbf", reverse_sql=[_families.AUDIT_CONTENT_HASH]),
        InForce("tenants", "redact_audit_entries", digest="efa45245d223", reverse_sql=[_redacted.REDACT_AUDIT_ENTRIES]),
        InForce("tenants", "describe_audit_entry", digest="0840323ed223", reverse_sql=[_former.DESCRIBE_AUDIT_ENTRY]),
    ]

"""Audit entries have random ids: a number told tenants how many entries all others have.

Those from before keep the id that is in their hashes.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_linked = import_module("tenants.migrations.0039_audit_entries_linked")
_former = import_module("tenants.migrations.0048_chained_at_once")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0050_refuse_change")]

    operations = [
        migrations.AddField(
            "auditentry",
            "public_id",
            models.CharField(
                editable=False,
                help_text="Random; none of an entry from before there was one",
                max_length=40,
                null=True,
            ),
        ),
        InForce("tenants", "tenants_auditentry", digest="74d080cfb6f0", reverse_sql=[_linked.TENANTS_AUDITENTRY]),
        # First what writes the id, last what makes it: in between entries have none, and hashes without.
        InForce("tenants", "chain_entry", digest="8e95cb30ce69", reverse_sql=[_former.CHAIN_ENTRY]),
        InForce("tenants", "audit_family_hash", digest="9eb105bd393b", reverse_sql=[_former.AUDIT_FAMILY_HASH]),
        InForce("tenants", "describe_audit_entry", digest="7c8acb1dce23", reverse_sql=[_former.DESCRIBE_AUDIT_ENTRY]),
    ]

"""Audit entries of a transaction get their places in the chains at once, random ids, and a salt for their content.

Their number told tenants how many entries all others have, redacted content could be found by trial, and the time was
quadratic in their number. Entries from before keep the id and the content hash that are in their hashes.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_redacted = import_module("tenants.migrations.0033_redacted_entries")
_families = import_module("tenants.migrations.0038_audit_families")
_linked = import_module("tenants.migrations.0039_audit_entries_linked")


def _in_force(name: str, digest: str, *reverse_sql: str) -> InForce:
    return InForce("tenants", name, digest=digest, reverse_sql=[*reverse_sql])


class Migration(migrations.Migration):
    """Atomic: the columns lock the table, so that no entry is written by one of these functions without the others."""

    dependencies = [("tenants", "0047_use_of_keys_let_in")]

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
        _in_force(
            "tenants_auditentry",
            "550c2ad8cace",
            "DROP POLICY by_system ON tenants_auditentry",
            _linked.TENANTS_AUDITENTRY,
        ),
        _in_force("audit_content_hash", "f8a3af46cfbf", _families.AUDIT_CONTENT_HASH),
        _in_force("audit_family_hash", "9eb105bd393b", _families.AUDIT_FAMILY_HASH),
        _in_force("redact_audit_entries", "2622de4bdfd6", _redacted.REDACT_AUDIT_ENTRIES),
        _in_force("is_audit_entry_intact", "3170144b8def", "DROP FUNCTION is_audit_entry_intact"),
        _in_force("describe_audit_entry", "0840323ed223", "DROP FUNCTION describe_audit_entry"),
        _in_force("link_audit_entry", "67e607243958", _families.LINK_AUDIT_ENTRY),
        _in_force("chain_entry", "1096f3fe9655", _linked.CHAIN_ENTRY),
    ]

"""All audit entries and events of a transaction get their places at once: the time is linear in their number.

What tenants are shown of an entry is hashed before the chain is locked, and once.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_events = import_module("tenants.migrations.0023_partner_events")
_families = import_module("tenants.migrations.0038_audit_families")
_linked = import_module("tenants.migrations.0039_audit_entries_linked")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0047_use_of_keys_let_in")]

    operations = [
        InForce(
            "tenants", "describe_audit_entry", digest="1818cbf8cdac", reverse_sql="DROP FUNCTION describe_audit_entry"
        ),
        InForce(
            "tenants", "is_audit_entry_intact", digest="3170144b8def", reverse_sql="DROP FUNCTION is_audit_entry_intact"
        ),
        InForce("tenants", "audit_family_hash", digest="a7423397f39b", reverse_sql=[_families.AUDIT_FAMILY_HASH]),
        InForce("tenants", "link_audit_entry", digest="67e607243958", reverse_sql=[_families.LINK_AUDIT_ENTRY]),
        InForce("tenants", "chain_entry", digest="121179da3cb6", reverse_sql=[_linked.CHAIN_ENTRY]),
        InForce(
            "tenants",
            "number_event",
            digest="cc9ddcfdfa8e",
            reverse_sql=["DROP TRIGGER event_numbered ON tenants_partnerevent", _events.NUMBER_EVENT],
        ),
    ]

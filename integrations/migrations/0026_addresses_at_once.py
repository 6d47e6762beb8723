"""What a statement adds is noted at once: two that register the same addresses do not wait for each other."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_revisions = import_module("integrations.migrations.0011_revisions")
_addresses = import_module("integrations.migrations.0018_addresses_are_endpoints")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("integrations", "0025_refuse_change"), ("delivery", "0043_register_endpoints")]

    operations = [
        InForce(
            "integrations",
            "note_address",
            digest="a6461146affc",
            reverse_sql=[
                "DROP TRIGGER note_corrected_address ON integrations_revisiontemplate",
                _addresses.NOTE_ADDRESS,
            ],
        ),
        InForce("integrations", "first_revision", digest="5284b386686b", reverse_sql=[_revisions.FIRST_REVISION]),
    ]

"""The places of entries and events are found by indexes, whatever size their tables had when the plans were made."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_chained = import_module("tenants.migrations.0053_salted_content")
_numbered = import_module("tenants.migrations.0049_head_moved_by_first")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0053_salted_content")]

    operations = [
        InForce("tenants", "chain_entry", digest="1096f3fe9655", reverse_sql=[_chained.CHAIN_ENTRY]),
        InForce("tenants", "number_event", digest="ca1deb5b8be6", reverse_sql=[_numbered.NUMBER_EVENT]),
    ]

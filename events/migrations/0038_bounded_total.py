"""The total of a list of usage counts the first 10,000 rows."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_usage = import_module("events.migrations.0035_usage")


class Migration(migrations.Migration):
    dependencies = [("events", "0037_mappings_by_revision")]

    operations = [InForce("events", "usage_periods", digest="03f8af7f2dbc", reverse_sql=[_usage.USAGE_PERIODS])]

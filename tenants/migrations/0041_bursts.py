"""A customer's limit of requests is held to the installation's in its rate, and in what may come at once."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_limits = import_module("tenants.migrations.0036_rate_limits")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0040_keys_bound")]

    operations = [InForce("tenants", "take_permits", digest="4096d59f0c98", reverse_sql=[_limits.TAKE_PERMITS])]

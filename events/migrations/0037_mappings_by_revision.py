"""Batches of a tenant are plain unless a revision of an integration that it has maps events."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_before = import_module("events.migrations.0034_address_of_batches")


class Migration(migrations.Migration):
    dependencies = [("events", "0036_usage_of_before"), ("integrations", "0012_revision_of_shares")]

    operations = [InForce("events", "track_batch", digest="8e87d73ef939", reverse_sql=[_before.TRACK_BATCH])]

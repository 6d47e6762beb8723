"""The plain case of `track` takes keys that hold `events:write` as it takes those that hold `full`."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_batch = import_module("events.migrations.0021_track_batch")


class Migration(migrations.Migration):
    dependencies = [("events", "0032_drop_event_keys"), ("tenants", "0020_scopes")]

    operations = [
        InForce("events", "track_batch", digest="8a351cda244c", reverse_sql=[_batch.TRACK_BATCH]),
    ]

"""The plain case of `track` tells the look-up of the key where the batch came from."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_scopes = import_module("events.migrations.0033_scopes")

_BEFORE = "bytea, jsonb, text, timestamptz, int"


class Migration(migrations.Migration):
    dependencies = [("events", "0033_scopes"), ("tenants", "0029_keys_guarded")]

    operations = [
        migrations.RunSQL(sql=f"DROP FUNCTION track_batch({_BEFORE})", reverse_sql=migrations.RunSQL.noop),
        InForce(
            "events",
            "track_batch",
            digest="8a7c2464a0fb",
            reverse_sql=[f"DROP FUNCTION track_batch({_BEFORE}, inet)", _scopes.TRACK_BATCH],
        ),
    ]

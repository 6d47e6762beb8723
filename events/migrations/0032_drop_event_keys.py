"""events_eventkey goes, with the trigger that stored its keys in events_storedkey, too.

In reverse it comes back empty: all keys are in events_storedkey, where the release before this one looks for them.
"""

from importlib import import_module

from django.db import migrations

_POLICIES = import_module("events.migrations.0009_policies_asked_once")._EVENTKEY
_STORE_KEY = import_module("events.migrations.0017_absolute_rings")._STORE_KEY

_TABLE = """
    CREATE TABLE events_eventkey (
        tenant_id uuid NOT NULL,
        key bytea NOT NULL,
        ring smallint NOT NULL,
        PRIMARY KEY (tenant_id, key, ring)
    ) PARTITION BY LIST (ring)
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0031_maintenance_without_event_keys")]

    operations = [
        migrations.RunSQL(
            sql=[
                # After the maintenance that is under way.
                "SELECT pg_advisory_xact_lock(hashtext('retivo.maintain_events'))",
                "DROP TABLE events_eventkey",
                "DROP FUNCTION store_key",
            ],
            reverse_sql=[
                _TABLE,
                *(
                    f"CREATE TABLE events_eventkey_{ring} PARTITION OF events_eventkey FOR VALUES IN ({ring})"
                    for ring in range(3)
                ),
                _POLICIES,
                _STORE_KEY,
            ],
        ),
    ]

"""The hourly maintenance leaves events_eventkey alone: no release that may still run stores keys there.

The table itself goes with the next migration, in a transaction of its own: a maintenance that began before this one is
committed still looks into it.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_rings = import_module("events.migrations.0017_absolute_rings")


class Migration(migrations.Migration):
    dependencies = [("events", "0030_roles_of_their_own")]

    operations = [
        InForce("events", "empty_key_ring", digest="ad968ae9b56e", reverse_sql=[_rings._EMPTY_KEY_RING]),
        migrations.RunSQL(sql="DROP FUNCTION maintain_events", reverse_sql=[_rings._MAINTAIN_EVENTS]),
    ]

"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_batch = import_module("events.migrations.0021_track_batch")
_rings = import_module("events.migrations.0017_absolute_rings")

# Files of later migrations, which this one does not know.
_NEW = (
    "customers_closed_through",
    "events_reachedthreshold",
    "events_usage",
    "events_usagealert",
    "events_usagecount",
    "reach_thresholds",
    "refuse_change",
    "refuse_closed_usage",
    "usage_of_periods",
    "usage_periods",
)


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("events", "0029_events_by_receipt")]

    operations = [
        InForce(
            "events",
            "events_monthlyusage",
            digest="b0f384f36716",
            reverse_sql="DROP POLICY upkeep ON events_monthlyusage",
        ),
        InForce(
            "events",
            "events_scoringsweep",
            digest="b07341da9bfe",
            reverse_sql="DROP POLICY upkeep ON events_scoringsweep",
        ),
        # In reverse, `anew` applies the file as it is today, which knows nothing of events_eventkey.
        migrations.RunSQL(sql=migrations.RunSQL.noop, reverse_sql=[_roles.former(_rings._EMPTY_KEY_RING)]),
        _roles.anew("events", later={"track_batch": _batch.TRACK_BATCH, **dict.fromkeys(_NEW)}),
    ]

"""The columns of the named traits follow `traits`, whoever writes; the release before, too."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0025_activity_to_five_minutes")]

    operations = [
        InForce(
            "events",
            "trait_columns",
            digest="874ed4989e29",
            reverse_sql=["DROP TRIGGER trait_columns ON events_trackeduser", "DROP FUNCTION trait_columns"],
        ),
    ]

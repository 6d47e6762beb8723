"""Nobody takes away that a threshold was reached."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0038_bounded_total"), ("tenants", "0050_refuse_change")]

    operations = [
        InForce(
            "events",
            "refuse_change",
            digest="a149fb4cc676",
            reverse_sql="DROP TRIGGER reached_stays ON events_reachedthreshold",
        ),
    ]

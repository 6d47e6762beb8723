"""When a tenant last sent something, and when a user was last made without an event."""

import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0014_events_of_14_days")]

    operations = [
        migrations.AddField(
            model_name="monthlyusage",
            name="active_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="Of the last change, to the minute: `note_activity`",
            ),
        ),
        migrations.AddField(
            model_name="scoringsweep",
            name="asked_at",
            field=models.DateTimeField(help_text="When a user was last made without an event", null=True),
        ),
        InForce(
            "events",
            "note_activity",
            digest="6916466bd880",
            reverse_sql="DROP TRIGGER active_at ON events_monthlyusage; DROP FUNCTION note_activity",
        ),
    ]

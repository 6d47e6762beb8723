"""Periodic work finds the tenants that sent something lately, or whose sweep is due, by an index."""

import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

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
        AddIndexConcurrently(
            model_name="monthlyusage",
            index=models.Index(models.F("active_at"), models.F("tenant"), name="usage_active"),
        ),
        AddIndexConcurrently(model_name="scoringsweep", index=models.Index(models.F("began_at"), name="sweep_age")),
        AddIndexConcurrently(
            model_name="scoringsweep",
            index=models.Index(
                models.F("tenant"), condition=models.Q(("after__isnull", False)), name="sweep_under_way"
            ),
        ),
        AddIndexConcurrently(model_name="scoringsweep", index=models.Index(models.F("asked_at"), name="sweep_asked")),
    ]

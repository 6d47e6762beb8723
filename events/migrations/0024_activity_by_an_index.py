"""Periodic work finds the tenants that sent something lately, or whose sweep is due, by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("events", "0023_oldest_event_keys")]

    operations = [
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

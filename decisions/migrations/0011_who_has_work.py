"""Periodic work finds the tenants that it has something to do for by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("decisions", "0010_request_ids")]

    operations = [
        AddIndexConcurrently(
            model_name="decision",
            index=models.Index(
                models.F("created_at"),
                models.F("tenant"),
                condition=models.Q(("closed_at__isnull", True)),
                name="decision_due",
            ),
        ),
        AddIndexConcurrently(model_name="liftcount", index=models.Index(models.F("counted_at"), name="lift_count_age")),
        AddIndexConcurrently(
            model_name="playbook",
            index=models.Index(models.F("tenant"), condition=models.Q(("status", "active")), name="playbook_active"),
        ),
    ]

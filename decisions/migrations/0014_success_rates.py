"""A success rate is of the newest interventions that ended, which the index has in their order."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("decisions", "0013_fewer_indexes")]

    operations = [
        AddIndexConcurrently(
            model_name="intervention",
            index=models.Index(
                models.F("tenant"),
                models.F("playbook_id"),
                models.F("planned_at"),
                models.F("status"),
                condition=models.Q(status__in=("completed", "failed")),
                name="intervention_ended",
            ),
        ),
        RemoveIndexConcurrently(model_name="intervention", name="intervention_outcomes"),
    ]

"""What lists are read forward by."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("delivery", "0016_commit_positions")]

    operations = [
        AddIndexConcurrently(
            model_name="action",
            index=models.Index(
                models.F("tenant"),
                models.F("position"),
                models.F("id"),
                condition=models.Q(("position__isnull", False)),
                name="action_committed",
            ),
        ),
    ]

"""By what a partner's report finds an action, of which it does not know the tenant."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("delivery", "0020_outcome_in_answers")]

    operations = [
        AddIndexConcurrently(
            model_name="action",
            index=django.contrib.postgres.indexes.HashIndex(
                condition=models.Q(("attempts__gt", 0)), fields=["id"], name="action_sent"
            ),
        ),
    ]

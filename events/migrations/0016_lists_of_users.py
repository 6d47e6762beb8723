"""Lists filtered by stage, risk or opt-out read an index in the list's order, and stop when the page is full.

Neither activity nor a score is in one: updates of each event and each scoring stay heap-only.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("events", "0015_activity")]

    operations = [
        AddIndexConcurrently(
            model_name="trackeduser",
            index=models.Index(
                fields=["tenant", "lifecycle_stage", "risk_level", "created_at", "user_id"],
                name="tracked_user_stage_order",
            ),
        ),
        AddIndexConcurrently(
            model_name="trackeduser",
            index=models.Index(
                fields=["tenant", "created_at", "user_id"],
                condition=models.Q(opted_out=True),
                name="tracked_user_opted_out",
            ),
        ),
        # The counts by stage and risk read the one above, which begins with the same columns.
        RemoveIndexConcurrently(model_name="trackeduser", name="tracked_user_stage"),
    ]

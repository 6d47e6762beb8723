"""What its action may yet change is found without the rest of the table, which grows without it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("decisions", "0007_lift_of_customers")]

    operations = [
        AddIndexConcurrently(
            model_name="intervention",
            index=models.Index(
                models.F("tenant"),
                models.F("sent_at"),
                condition=models.Q(status__in=("sent", "delivered", "failed")),
                name="intervention_followed",
            ),
        ),
    ]

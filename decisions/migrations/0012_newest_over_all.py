"""Staff's list of the newest, over all tenants, is read from its end, and not asked of each tenant."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("decisions", "0011_who_has_work")]

    operations = [
        AddIndexConcurrently(
            model_name="decision",
            index=models.Index(models.F("created_at"), models.F("id"), name="decision_newest"),
        ),
    ]

"""How many tenants the patterns mislead is counted for each of staff's pages."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("learning", "0010_retention"),
        ("tenants", "0012_staff_lists"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="modelstate",
            index=models.Index(
                condition=models.Q(("pattern_weight__lt", 0.1)), fields=["tenant"], name="model_state_misled"
            ),
        ),
    ]

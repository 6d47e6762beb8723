"""Why the outcome in a receiver's answer was not taken; and the check of the migration before.

Adding a column with a constant default changes the catalogue alone.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0019_reported_by")]

    operations = [
        ValidateConstraint(model_name="action", name="action_outcome_by_known"),
        migrations.AddField(
            model_name="attempt",
            name="outcome_refusal",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Why the outcome in the answer was not taken: a problem's code",
                max_length=32,
            ),
        ),
    ]

"""Who reported an outcome, and why the one in a receiver's answer was not taken.

The columns are added to the catalogue alone; the next migration checks the constraint, while rows may be written.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0018_roles_of_their_own")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="outcome_by",
            field=models.CharField(
                choices=[
                    ("tenant", "The tenant"),
                    ("partner", "Its partner"),
                    ("outcome_url", "Whoever was sent the outcome URL"),
                    ("answer", "The receiver, in its answer"),
                ],
                help_text="Who reported the outcome; null in rows of before others than the tenant could",
                max_length=16,
                null=True,
            ),
        ),
        AddConstraintNotValid(
            model_name="action",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome_by", None))
                | models.Q(
                    ("outcome_by__in", ["tenant", "partner", "outcome_url", "answer"]),
                    ("outcome_status__isnull", False),
                ),
                name="action_outcome_by_known",
            ),
        ),
    ]

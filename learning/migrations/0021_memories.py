"""A model has a memory that forgets beside the one that lasts, and a cold prior as wide as its outcomes say.

A release before this one leaves these columns as they are. The model takes them up again where they fit.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("learning", "0020_announced_once")]

    operations = [
        migrations.AddField(
            model_name="modelstate",
            name="recent_mean",
            field=models.BinaryField(db_default=b"", help_text="As `mean`, of the memory that forgets"),
        ),
        migrations.AddField(
            model_name="modelstate",
            name="recent_information",
            field=models.BinaryField(db_default=b"", help_text="As `information`, of the memory that forgets"),
        ),
        migrations.AddField(
            model_name="modelstate",
            name="recent_weight",
            field=models.FloatField(
                db_default=0.001, help_text="How probable it is that only the recent memory is right"
            ),
        ),
        migrations.AddField(
            model_name="modelstate",
            name="widths",
            field=models.BinaryField(
                db_default=b"", help_text="float32, 2 × features: the cold prior's variances by evidence"
            ),
        ),
        AddConstraintNotValid(
            model_name="modelstate",
            constraint=models.CheckConstraint(
                condition=models.Q(("recent_weight__gt", 0), ("recent_weight__lt", 1)),
                name="model_state_recent_weight_between_0_and_1",
            ),
        ),
    ]

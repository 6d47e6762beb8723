"""A release names no budget that no setting allows. Releases from before stay as they are."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("learning", "0013_floor_of_noise")]

    operations = [
        AddConstraintNotValid(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=Q(epsilon__lte=20.1, rho__lte=4.8, budget__lte=4.8, deviation__lte=1e9),
                name="release_within_largest_budget",
            ),
        ),
    ]

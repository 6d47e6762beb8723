"""A release has a floor for its noise. Releases from before stay as they are."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.lookups import GreaterThanOrEqual


class Migration(migrations.Migration):
    dependencies = [("learning", "0012_roles_of_their_own")]

    operations = [
        AddConstraintNotValid(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=Q(
                    GreaterThanOrEqual(F("deviation") * F("deviation") * F("rho"), Value(1.999999)), rho__gte=0.0001
                ),
                name="release_noise_has_a_floor",
            ),
        ),
    ]

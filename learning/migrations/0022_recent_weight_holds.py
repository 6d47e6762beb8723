"""The rows that were there before the constraint are checked while others read and write them."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("learning", "0021_memories")]

    operations = [ValidateConstraint(model_name="modelstate", name="model_state_recent_weight_between_0_and_1")]

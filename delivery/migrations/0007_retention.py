"""Actions that are past their time are deleted, with their attempts, whose answers go long before them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # the index is made beside the writes of a table that may be large

    dependencies = [("delivery", "0006_holds_and_pace")]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="response",
            field=models.TextField(blank=True, help_text="The answer's first KiB; empty after 30 days"),
        ),
        AddIndexConcurrently(
            model_name="attempt",
            index=models.Index(
                models.F("tenant"),
                models.F("started_at"),
                condition=models.Q(("response", ""), _negated=True),
                name="attempt_with_answer",
            ),
        ),
        InForce(
            "delivery",
            "delivery_action",
            digest="0b82cde758a3",
            reverse_sql="REVOKE DELETE ON delivery_action FROM app_rt",
        ),
        InForce(
            "delivery",
            "delivery_attempt",
            digest="c7c66341f7f1",
            reverse_sql="REVOKE UPDATE (response) ON delivery_attempt FROM app_rt",
        ),
    ]

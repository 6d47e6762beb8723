"""An action keeps the revision of its integration that it was decided under; it is sent as that one says.

The column is added to the catalogue alone. Actions without one, as the release before makes them, go by their type.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_before = import_module("delivery.migrations.0026_deletions")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0027_changes_that_count"), ("integrations", "0014_revision_of_action_types")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="revision",
            field=models.IntegerField(null=True, help_text="Of its integration, when it was decided"),
        ),
        InForce(
            "delivery",
            "keep_revision",
            digest="d3cbe0a65b86",
            reverse_sql=["DROP TRIGGER revision_kept ON delivery_action", "DROP FUNCTION keep_revision"],
        ),
        InForce("delivery", "claim_actions", digest="22aa5946c792", reverse_sql=[_before.CLAIM]),
        InForce("delivery", "delivery_backlog", digest="d41a3cb3bc5a", reverse_sql=[_before.BACKLOG]),
        InForce(
            "delivery",
            "cancel_actions_of_share",
            digest="fe5a145847b0",
            reverse_sql="DROP FUNCTION cancel_actions_of_share",
        ),
        InForce("delivery", "fate_of_rollout", digest="4dd2a9a445c9", reverse_sql="DROP FUNCTION fate_of_rollout"),
    ]

"""What becomes of a roll-out's actions is asked, and those of a share are cancelled, at a bounded cost."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_revisions = import_module("delivery.migrations.0028_revisions")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0034_faults_apart"), ("integrations", "0022_sharings_put_off")]

    operations = [
        # It answers one more column.
        migrations.RunSQL(sql="DROP FUNCTION IF EXISTS fate_of_rollout", reverse_sql=migrations.RunSQL.noop),
        InForce(
            "delivery",
            "fate_of_rollout",
            digest="2e1a3df37e00",
            reverse_sql=["DROP FUNCTION fate_of_rollout", _revisions.FATE_OF_ROLLOUT],
        ),
        InForce(
            "delivery",
            "cancel_actions_of_share",
            digest="b4e8f8e82458",
            reverse_sql=[_revisions.CANCEL_ACTIONS_OF_SHARE],
        ),
    ]

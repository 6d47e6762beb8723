"""What became of actions is noted as it happens, so that nobody has to look through all of them for it."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0008_format_claim_actions"), ("tenants", "0008_entries_without_a_tenant")]

    operations = [
        migrations.CreateModel(
            name="ActionChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                ("action_id", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(models.F("tenant"), models.F("due_at"), name="action_change_due")],
            },
        ),
        InForce("delivery", "delivery_actionchange", digest="13de9e250011", reverse_sql=migrations.RunSQL.noop),
        InForce(
            "delivery",
            "note_change",
            digest="c869246ecb90",
            reverse_sql="DROP TRIGGER note_change ON delivery_action; DROP FUNCTION note_change",
        ),
    ]

"""The database adds the noise of a release, and shows the sums once what they cost is committed.

The release before cannot release patterns on this schema: its call of `contribute` fails, and nobody is charged.
"""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from retivo.database.sql import InForce

_ledger = import_module("learning.migrations.0009_ledger_of_receipts")


class Migration(migrations.Migration):
    dependencies = [("learning", "0014_ceiling_of_budget")]

    operations = [
        migrations.CreateModel(
            name="NoisySum",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release", "partner_id", "block", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partner_id", models.UUIDField()),
                ("block", models.CharField(max_length=200)),
                ("totals", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                (
                    "charged_in",
                    models.BigIntegerField(help_text="The transaction that wrote it, in which it cannot be read"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="learning.release",
                    ),
                ),
            ],
        ),
        InForce("learning", "learning_noisysum", digest="c6ec4b8e1b77", reverse_sql=migrations.RunSQL.noop),
        InForce("learning", "uniform_below", digest="36e240283bfe", reverse_sql="DROP FUNCTION uniform_below"),
        InForce("learning", "happens_by_exp", digest="3399121d1abd", reverse_sql="DROP FUNCTION happens_by_exp"),
        InForce("learning", "discrete_gaussian", digest="f225add71fb9", reverse_sql="DROP FUNCTION discrete_gaussian"),
        migrations.RunSQL(sql="DROP FUNCTION contribute(bigint, uuid)", reverse_sql=[_ledger.CONTRIBUTE]),
        InForce(
            "learning",
            "contribute",
            digest="19b6d29193ca",
            reverse_sql="DROP FUNCTION contribute(bigint, uuid, integer)",
        ),
    ]

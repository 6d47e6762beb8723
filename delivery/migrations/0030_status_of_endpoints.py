"""How an endpoint is, since when and why: kept with its row, of which there are few.

The release before disables one without a reason; the trigger knows the only one that it has.
"""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce

_isolation = import_module("delivery.migrations.0002_isolation")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0029_integration_unshared")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="customers_affected",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="disabled_because",
            field=models.CharField(choices=[("endpoint_gone", "It answered 410 Gone")], max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="failing_told_at",
            field=models.DateTimeField(editable=False, help_text="The last event `endpoint.failing`", null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="last_success_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="latencies",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                db_default=[],
                default=list,
                help_text="Of its last 100 answers, in ms, newest first",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="registered_at",
            field=models.DateTimeField(help_text="With an integration; null of other addresses", null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="since",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, help_text="It has had this status"
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="status",
            field=models.CharField(
                choices=[
                    ("well", "Well"),
                    ("slow", "Slow"),
                    ("failing", "Failing"),
                    ("open", "Open"),
                    ("disabled", "Disabled"),
                ],
                db_default="well",
                editable=False,
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="waiting",
            field=models.IntegerField(db_default=0, default=0, help_text="Actions, as count_endpoints() found"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_at",
            field=models.DateTimeField(null=True),
        ),
        InForce(
            "delivery",
            "status_of_endpoint",
            digest="8ed80c63fb0d",
            reverse_sql=[
                "DROP TRIGGER status_of_endpoint ON delivery_endpoint",
                "DROP FUNCTION status_of_endpoint",
            ],
        ),
        migrations.RunSQL(sql="UPDATE delivery_endpoint SET id = id", reverse_sql=migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_at", None), ("disabled_because", None)),
                    models.Q(("disabled_at__isnull", False), ("disabled_because__in", ["endpoint_gone"])),
                    _connector="OR",
                ),
                name="endpoint_disabled_because",
            ),
        ),
        InForce(
            "delivery",
            "delivery_endpoint",
            digest="f6d64636fc2c",
            reverse_sql=[
                "REVOKE UPDATE (consecutive_failures, openings, open_until, disabled_at) ON delivery_endpoint"
                " FROM app_web",
                _isolation.ENDPOINT,
            ],
        ),
    ]

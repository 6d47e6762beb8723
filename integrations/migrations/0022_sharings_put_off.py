"""A sharing whose step failed is looked at again later, and one that is over names no customer."""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Now

from retivo.database.sql import InForce

_revisions = import_module("integrations.migrations.0011_revisions")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0021_rollouts_name_no_customer")]

    operations = [
        migrations.AddField(
            model_name="sharing",
            name="due_at",
            field=models.DateTimeField(db_default=Now(), help_text="When a worker looks at it next"),
        ),
        migrations.AlterField(
            model_name="sharing",
            name="after_created_at",
            field=models.DateTimeField(
                help_text="Of the last customer that was looked at; null once it is over", null=True
            ),
        ),
        migrations.RunSQL(
            sql="""
                UPDATE integrations_sharing SET after_created_at = NULL, after_id = NULL
                WHERE finished_at IS NOT NULL AND after_id IS NOT NULL
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
        InForce(
            "integrations",
            "integrations_sharing",
            digest="67aa34bd2d65",
            reverse_sql=[
                "REVOKE UPDATE (due_at) ON integrations_sharing FROM app_web",
                "REVOKE SELECT (due_at) ON integrations_sharing FROM app_upkeep",
                _revisions.SHARING,
            ],
        ),
        InForce("integrations", "forget_rollouts", digest="9933b11e87f4", reverse_sql="DROP FUNCTION forget_rollouts"),
    ]

"""A roll-out keeps of whom it moves what names nobody, and since when its stage lasts."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_revisions = import_module("integrations.migrations.0011_revisions")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0020_shares_begin_anew")]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="stage_began_at",
            field=models.DateTimeField(help_text="Null of the first", null=True),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="target",
            field=models.JSONField(help_text="To whom, as it was asked, without what names a customer"),
        ),
        migrations.RunSQL(
            sql=[
                """
                UPDATE integrations_rollout SET target = CASE
                    WHEN jsonb_typeof(target->'customer_ids') = 'array'
                        THEN jsonb_build_object('customer_ids', jsonb_array_length(target->'customer_ids'))
                    ELSE jsonb_build_object('filter', (
                        SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(target->'filter') k
                    )) END
                WHERE jsonb_typeof(target->'customer_ids') = 'array' OR jsonb_typeof(target->'filter') = 'object'
                """,
                """
                ALTER TABLE integrations_rollout ADD CONSTRAINT rollout_names_no_customer CHECK (
                    jsonb_typeof(target->'customer_ids') = 'number' AND jsonb_typeof(target->'filter') = 'array'
                )
                """,
            ],
            reverse_sql="ALTER TABLE integrations_rollout DROP CONSTRAINT rollout_names_no_customer",
        ),
        InForce(
            "integrations",
            "integrations_rollout",
            digest="7fbf45aa8bfc",
            reverse_sql=["REVOKE UPDATE (stage_began_at) ON integrations_rollout FROM app_web", _revisions.ROLLOUT],
        ),
    ]

"""A shared action type is at its share's revision, or at none once it is withdrawn."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_types = import_module("integrations.migrations.0006_who_changes_action_types")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0013_shares_by_revision")]

    operations = [
        migrations.AddField(
            model_name="actiontype",
            name="revision",
            field=models.IntegerField(
                db_default=1,
                default=1,
                editable=False,
                help_text="Of a shared one; null once it is withdrawn",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="actiontype",
            name="delivery_webhook",
            field=models.CharField(
                help_text="Of a shared one as it was copied; it is sent where its revision says", max_length=2000
            ),
        ),
        InForce(
            "integrations",
            "integrations_actiontype",
            digest="18591135a8a9",
            reverse_sql=["REVOKE UPDATE (revision) ON integrations_actiontype FROM app_web", _types.ACTION_TYPE],
        ),
        InForce("integrations", "refuse_shared_action_type", digest="0cba51338d88", reverse_sql=[_types.REFUSE_SHARED]),
        InForce(
            "integrations",
            "skip_later_templates",
            digest="020c44c6a6a8",
            reverse_sql=[
                "DROP TRIGGER only_of_first_revision ON integrations_actiontype",
                "DROP FUNCTION skip_later_templates",
            ],
        ),
        InForce("integrations", "shadowed_names", digest="8d0908f5ac34", reverse_sql="DROP FUNCTION shadowed_names"),
        migrations.RunSQL(
            sql=[
                """
    ALTER TABLE integrations_integrationshare ADD CONSTRAINT share_at_revision
    FOREIGN KEY (integration_id, revision) REFERENCES integrations_revision (integration_id, number) NOT VALID
"""
            ],
            reverse_sql="ALTER TABLE integrations_integrationshare DROP CONSTRAINT share_at_revision",
        ),
        migrations.RunSQL(
            sql=[
                """
    ALTER TABLE integrations_actiontype ADD CONSTRAINT action_type_at_revision
    FOREIGN KEY (integration_id, revision, tenant_id)
    REFERENCES integrations_integrationshare (integration_id, revision, tenant_id) NOT VALID
""",
                """
    ALTER TABLE integrations_actiontype ADD CONSTRAINT action_type_of_revision
    FOREIGN KEY (integration_id, revision, name)
    REFERENCES integrations_revisiontemplate (integration_id, revision, name) NOT VALID
""",
            ],
            reverse_sql=[
                "ALTER TABLE integrations_actiontype DROP CONSTRAINT action_type_of_revision",
                "ALTER TABLE integrations_actiontype DROP CONSTRAINT action_type_at_revision",
            ],
        ),
    ]

"""A shared action type is at its share's revision, or at none once it is withdrawn."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_types = import_module("integrations.migrations.0006_who_changes_action_types")

# As it was until action types had kinds.
ACTION_TYPE = """\
-- A tenant sees its own action types and those shared with it; a partner sees those of its integrations.
--
-- A tenant registers its own action types, and a partner those that it shares. Of a shared one the tenant changes
-- `active` alone, and the partner all but that: the trigger shared_as_registered.
ALTER TABLE integrations_actiontype ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS visible ON integrations_actiontype;
CREATE POLICY visible ON integrations_actiontype FOR SELECT TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR partner_id = (SELECT current_tenant())
    );

DROP POLICY IF EXISTS registered ON integrations_actiontype;
CREATE POLICY registered ON integrations_actiontype FOR INSERT TO app_web
    WITH CHECK (
        partner_id = (SELECT current_tenant())
        OR partner_id IS NULL AND tenant_id = (SELECT current_tenant())
    );

DROP POLICY IF EXISTS changed ON integrations_actiontype;
CREATE POLICY changed ON integrations_actiontype FOR UPDATE TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR partner_id = (SELECT current_tenant())
    )
    WITH CHECK (
        tenant_id = (SELECT current_tenant())
        OR partner_id = (SELECT current_tenant())
    );

DROP POLICY IF EXISTS staff ON integrations_actiontype;
CREATE POLICY staff ON integrations_actiontype TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontype TO app_web;
GRANT UPDATE (
    domain, description, parameters_schema, delivery_webhook, estimated_cost_usd,
    encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, active, revision
) ON integrations_actiontype TO app_web;
"""


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
        migrations.RunSQL(
            sql=[ACTION_TYPE],
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

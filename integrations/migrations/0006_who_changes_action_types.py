"""Who registers and changes which action type: a tenant its own, a partner those of its integrations.

A partner reads what it shares and changes nothing of it. Its customer may switch a shared one off and on: the grant is
by column and knows no rows, so a trigger holds the rest.
"""

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT
from retivo.database.sql import InForce

_COLUMNS = (
    "domain, description, parameters_schema, delivery_webhook, estimated_cost_usd,"
    " encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, active"
)


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_own_action_types")]

    operations = [
        migrations.RunSQL(
            sql="DROP POLICY tenant_isolation ON integrations_actiontype",
            reverse_sql=f"""
                CREATE POLICY tenant_isolation ON integrations_actiontype TO app_rt
                USING (tenant_id = {CURRENT_TENANT} OR partner_id = {CURRENT_TENANT})
                WITH CHECK (partner_id = {CURRENT_TENANT})
            """,
        ),
        InForce(
            "integrations",
            "integrations_actiontype",
            digest="3a7e51f065c0",
            reverse_sql=[
                f"REVOKE UPDATE ({_COLUMNS}) ON integrations_actiontype FROM app_rt",
                "DROP POLICY changed ON integrations_actiontype",
                "DROP POLICY registered ON integrations_actiontype",
                "DROP POLICY visible ON integrations_actiontype",
            ],
        ),
        InForce(
            "integrations",
            "refuse_shared_action_type",
            digest="ebbfae99f9cd",
            reverse_sql=[
                "DROP TRIGGER shared_as_registered ON integrations_actiontype",
                "DROP FUNCTION refuse_shared_action_type",
            ],
        ),
    ]

"""Who registers and changes which action type: a tenant its own, a partner those of its integrations.

A partner reads what it shares and changes nothing of it. Its customer may switch a shared one off and on: the grant is
by column and knows no rows, so a trigger holds the rest.
"""

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT

_VISIBLE = f"tenant_id = {CURRENT_TENANT} OR partner_id = {CURRENT_TENANT}"
_REGISTERED = f"partner_id = {CURRENT_TENANT} OR partner_id IS NULL AND tenant_id = {CURRENT_TENANT}"
_CHANGED = f"tenant_id = {CURRENT_TENANT}"

_POLICIES = (
    f"CREATE POLICY visible ON integrations_actiontype FOR SELECT TO app_rt USING ({_VISIBLE})",
    f"CREATE POLICY registered ON integrations_actiontype FOR INSERT TO app_rt WITH CHECK ({_REGISTERED})",
    f"CREATE POLICY changed ON integrations_actiontype FOR UPDATE TO app_rt USING ({_CHANGED}) WITH CHECK ({_CHANGED})",
    "DROP POLICY tenant_isolation ON integrations_actiontype",
)
_POLICIES_BEFORE = (
    f"""
    CREATE POLICY tenant_isolation ON integrations_actiontype TO app_rt
    USING ({_VISIBLE}) WITH CHECK (partner_id = {CURRENT_TENANT})
    """,
    "DROP POLICY changed ON integrations_actiontype",
    "DROP POLICY registered ON integrations_actiontype",
    "DROP POLICY visible ON integrations_actiontype",
)

_OF_THE_PARTNER = (
    "domain",
    "description",
    "parameters_schema",
    "delivery_webhook",
    "estimated_cost_usd",
    "encrypted_webhook_secret",
    "encrypted_previous_secret",
    "previous_secret_until",
)
_COLUMNS = ", ".join((*_OF_THE_PARTNER, "active"))

_FUNCTION = """
    CREATE FUNCTION refuse_shared_action_type() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant changes of a shared action type only whether it is active'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
"""

_TRIGGER = f"""
    CREATE TRIGGER shared_as_registered BEFORE UPDATE ON integrations_actiontype FOR EACH ROW
    WHEN (
        OLD.integration_id IS NOT NULL
        AND NEW.tenant_id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid
        AND ({", ".join(f"OLD.{name}" for name in _OF_THE_PARTNER)})
            IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in _OF_THE_PARTNER)})
    )
    EXECUTE FUNCTION refuse_shared_action_type()
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_own_action_types")]

    operations = [
        migrations.RunSQL(sql=_POLICIES, reverse_sql=_POLICIES_BEFORE),
        migrations.RunSQL(
            sql=[
                _FUNCTION,
                "REVOKE ALL ON FUNCTION refuse_shared_action_type FROM PUBLIC",
                _TRIGGER,
                f"GRANT UPDATE ({_COLUMNS}) ON integrations_actiontype TO app_rt",
            ],
            reverse_sql=[
                f"REVOKE UPDATE ({_COLUMNS}) ON integrations_actiontype FROM app_rt",
                "DROP TRIGGER shared_as_registered ON integrations_actiontype",
                "DROP FUNCTION refuse_shared_action_type",
            ],
        ),
    ]

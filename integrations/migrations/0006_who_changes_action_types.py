"""Who registers and changes which action type: a tenant its own, a partner those of its integrations.

A partner reads what it shares and changes nothing of it. Its customer may switch a shared one off and on: the grant is
by column and knows no rows, so a trigger holds the rest.
"""

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT

_COLUMNS = (
    "domain, description, parameters_schema, delivery_webhook, estimated_cost_usd,"
    " encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, active"
)


# As it was until integrations had revisions.
ACTION_TYPE = """\
-- A tenant sees its own action types and those shared with it; a partner sees those of its integrations.
--
-- A tenant registers its own action types, and a partner those that it shares. Only the tenant of a row may change it;
-- of a shared one it may change no more than `active`, which the trigger shared_as_registered enforces.
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
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_actiontype;
CREATE POLICY staff ON integrations_actiontype TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontype TO app_web;
GRANT UPDATE (
    domain, description, parameters_schema, delivery_webhook, estimated_cost_usd,
    encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, active
) ON integrations_actiontype TO app_web;
"""


# As it was until integrations had revisions.
REFUSE_SHARED = """\
-- Stops a customer from changing an action type that its partner shares, except for switching it on and off.
--
-- The runtime role may update the columns that a tenant can change in its own action types. Grants work by column and
-- cannot distinguish rows, so a trigger protects the shared ones.
CREATE OR REPLACE FUNCTION refuse_shared_action_type() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant changes of a shared action type only whether it is active'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_shared_action_type FROM PUBLIC;

CREATE OR REPLACE TRIGGER shared_as_registered BEFORE UPDATE ON integrations_actiontype FOR EACH ROW
    WHEN (
        OLD.integration_id IS NOT NULL
        AND NEW.tenant_id = public.current_tenant()
        AND (
            OLD.domain, OLD.description, OLD.parameters_schema, OLD.delivery_webhook, OLD.estimated_cost_usd,
            OLD.encrypted_webhook_secret, OLD.encrypted_previous_secret, OLD.previous_secret_until
        ) IS DISTINCT FROM (
            NEW.domain, NEW.description, NEW.parameters_schema, NEW.delivery_webhook, NEW.estimated_cost_usd,
            NEW.encrypted_webhook_secret, NEW.encrypted_previous_secret, NEW.previous_secret_until
        )
    )
    EXECUTE FUNCTION refuse_shared_action_type();
"""


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
        migrations.RunSQL(
            sql=[ACTION_TYPE],
            reverse_sql=[
                f"REVOKE UPDATE ({_COLUMNS}) ON integrations_actiontype FROM app_rt",
                "DROP POLICY changed ON integrations_actiontype",
                "DROP POLICY registered ON integrations_actiontype",
                "DROP POLICY visible ON integrations_actiontype",
            ],
        ),
        migrations.RunSQL(
            sql=[REFUSE_SHARED],
            reverse_sql=[
                "DROP TRIGGER shared_as_registered ON integrations_actiontype",
                "DROP FUNCTION refuse_shared_action_type",
            ],
        ),
    ]

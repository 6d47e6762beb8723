-- A tenant sees its own action types and those shared with it; a partner sees those of its integrations.
--
-- A tenant registers its own action types, and a partner those that it shares. Of a shared one the tenant changes `active`
-- alone, and the partner all but that: the trigger shared_as_registered.
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
    encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, active, revision,
    kind, kind_source
) ON integrations_actiontype TO app_web;

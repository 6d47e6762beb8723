-- A tenant sees its own actions. The worker reaches those of all tenants through claim_actions and expire_actions.
ALTER TABLE delivery_action ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_action;
CREATE POLICY tenant_isolation ON delivery_action TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON delivery_action;
CREATE POLICY staff ON delivery_action TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_action TO app_rt;

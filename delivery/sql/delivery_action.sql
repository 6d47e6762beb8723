-- A tenant sees its own actions. The worker reaches those of all tenants through claim_actions and expire_actions.
ALTER TABLE delivery_action ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_action;
CREATE POLICY tenant_isolation ON delivery_action TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_action;
CREATE POLICY staff ON delivery_action TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON delivery_action TO app_web;
GRANT DELETE ON delivery_action TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON delivery_action;
CREATE POLICY upkeep ON delivery_action FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, created_at) ON delivery_action TO app_upkeep;

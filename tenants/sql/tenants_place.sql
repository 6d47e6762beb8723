-- A tenant sees where periodic work for it stopped.
ALTER TABLE tenants_place ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_place;
CREATE POLICY tenant_isolation ON tenants_place TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_place;
CREATE POLICY staff ON tenants_place TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants_place TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON tenants_place;
CREATE POLICY upkeep ON tenants_place FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, work, stopped_at) ON tenants_place TO app_upkeep;

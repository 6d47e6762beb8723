-- A tenant sees the attempts to send its own actions. It may empty the answers, which are kept for a shorter time.
ALTER TABLE delivery_attempt ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_attempt;
CREATE POLICY tenant_isolation ON delivery_attempt TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_attempt;
CREATE POLICY staff ON delivery_attempt TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_attempt TO app_web;
GRANT INSERT ON delivery_attempt TO app_worker;
GRANT UPDATE (response) ON delivery_attempt TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON delivery_attempt;
CREATE POLICY upkeep ON delivery_attempt FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, started_at, response) ON delivery_attempt TO app_upkeep;

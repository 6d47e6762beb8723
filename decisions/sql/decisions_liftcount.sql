-- A tenant sees its own counts. A partner gets sums over its customers from lift_of_customers.
ALTER TABLE decisions_liftcount ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_liftcount;
CREATE POLICY tenant_isolation ON decisions_liftcount TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_liftcount;
CREATE POLICY staff ON decisions_liftcount TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON decisions_liftcount TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON decisions_liftcount;
CREATE POLICY upkeep ON decisions_liftcount FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, counted_at) ON decisions_liftcount TO app_upkeep;

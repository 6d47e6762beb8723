-- A tenant sees its own usage. A partner gets its customers' totals from usage_of_customers.
ALTER TABLE events_monthlyusage ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_monthlyusage;
CREATE POLICY tenant_isolation ON events_monthlyusage TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_monthlyusage;
CREATE POLICY staff ON events_monthlyusage TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_monthlyusage TO app_web;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON events_monthlyusage;
CREATE POLICY upkeep ON events_monthlyusage FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, active_at) ON events_monthlyusage TO app_upkeep;

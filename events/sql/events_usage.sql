-- A tenant sees its own usage. A partner gets its customers' from usage_of_periods. Workers count; no role changes or
-- takes away what is closed: see refuse_closed_usage.
ALTER TABLE events_usage ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_usage;
CREATE POLICY tenant_isolation ON events_usage TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_usage;
CREATE POLICY staff ON events_usage TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE ON events_usage FROM app_staff;
GRANT SELECT ON events_usage TO app_web;
GRANT INSERT, UPDATE ON events_usage TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON events_usage;
CREATE POLICY upkeep ON events_usage FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, unit, starts_on, correction, closed_at) ON events_usage TO app_upkeep;

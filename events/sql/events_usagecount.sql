-- A tenant sees how far its own usage is counted.
ALTER TABLE events_usagecount ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_usagecount;
CREATE POLICY tenant_isolation ON events_usagecount TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_usagecount;
CREATE POLICY staff ON events_usagecount TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_usagecount TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON events_usagecount;
CREATE POLICY upkeep ON events_usagecount FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, counted_at, closed_through, announced_through) ON events_usagecount TO app_upkeep;

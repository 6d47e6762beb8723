-- A partner sees and sets its own alerts.
ALTER TABLE events_usagealert ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_usagealert;
CREATE POLICY tenant_isolation ON events_usagealert TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_usagealert;
CREATE POLICY staff ON events_usagealert TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON events_usagealert TO app_web;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON events_usagealert;
CREATE POLICY upkeep ON events_usagealert FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id) ON events_usagealert TO app_upkeep;

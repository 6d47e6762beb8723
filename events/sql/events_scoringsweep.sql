-- A tenant sees how far the scoring of its own users has got.
ALTER TABLE events_scoringsweep ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_scoringsweep;
CREATE POLICY tenant_isolation ON events_scoringsweep TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_scoringsweep;
CREATE POLICY staff ON events_scoringsweep TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_scoringsweep TO app_web;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON events_scoringsweep;
CREATE POLICY upkeep ON events_scoringsweep FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, asked_at, began_at, after) ON events_scoringsweep TO app_upkeep;

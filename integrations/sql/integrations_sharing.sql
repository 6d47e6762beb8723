-- A partner sees how far an integration is shared with all of its customers.
ALTER TABLE integrations_sharing ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_sharing;
CREATE POLICY tenant_isolation ON integrations_sharing TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_sharing;
CREATE POLICY staff ON integrations_sharing TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_sharing TO app_web;
GRANT UPDATE (shared, after_created_at, after_id, due_at, finished_at) ON integrations_sharing TO app_web;

-- Rounds look for partners that have work.
DROP POLICY IF EXISTS upkeep ON integrations_sharing;
CREATE POLICY upkeep ON integrations_sharing FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, due_at, finished_at) ON integrations_sharing TO app_upkeep;

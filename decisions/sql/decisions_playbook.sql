-- A tenant sees its own playbooks.
ALTER TABLE decisions_playbook ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_playbook;
CREATE POLICY tenant_isolation ON decisions_playbook TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_playbook;
CREATE POLICY staff ON decisions_playbook TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_playbook TO app_web;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON decisions_playbook;
CREATE POLICY upkeep ON decisions_playbook FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, status) ON decisions_playbook TO app_upkeep;

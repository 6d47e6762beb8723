-- A tenant sees which of its users are in which of its playbooks.
ALTER TABLE decisions_playbookentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_playbookentry;
CREATE POLICY tenant_isolation ON decisions_playbookentry TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_playbookentry;
CREATE POLICY staff ON decisions_playbookentry TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_playbookentry TO app_web;

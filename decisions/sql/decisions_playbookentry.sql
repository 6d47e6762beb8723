-- A tenant sees which of its users are in which of its playbooks.
ALTER TABLE decisions_playbookentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_playbookentry;
CREATE POLICY tenant_isolation ON decisions_playbookentry TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON decisions_playbookentry;
CREATE POLICY staff ON decisions_playbookentry TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_playbookentry TO app_rt;

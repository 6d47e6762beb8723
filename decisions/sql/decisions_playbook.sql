-- A tenant sees its own playbooks.
ALTER TABLE decisions_playbook ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_playbook;
CREATE POLICY tenant_isolation ON decisions_playbook TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON decisions_playbook;
CREATE POLICY staff ON decisions_playbook TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_playbook TO app_rt;

-- A partner sees how many secrets its integrations have had.
ALTER TABLE integrations_secretversion ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_secretversion;
CREATE POLICY tenant_isolation ON integrations_secretversion TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_secretversion;
CREATE POLICY staff ON integrations_secretversion TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON integrations_secretversion TO app_web;

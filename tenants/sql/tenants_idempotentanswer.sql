-- A tenant sees the answers stored for its own requests.
ALTER TABLE tenants_idempotentanswer ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_idempotentanswer;
CREATE POLICY tenant_isolation ON tenants_idempotentanswer TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_idempotentanswer;
CREATE POLICY staff ON tenants_idempotentanswer TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants_idempotentanswer TO app_web;

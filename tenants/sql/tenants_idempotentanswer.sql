-- A tenant sees the answers stored for its own requests.
ALTER TABLE tenants_idempotentanswer ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_idempotentanswer;
CREATE POLICY tenant_isolation ON tenants_idempotentanswer TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON tenants_idempotentanswer;
CREATE POLICY staff ON tenants_idempotentanswer TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants_idempotentanswer TO app_rt;

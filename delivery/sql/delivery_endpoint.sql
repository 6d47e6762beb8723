-- A tenant sees the endpoints that it registered.
ALTER TABLE delivery_endpoint ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_endpoint;
CREATE POLICY tenant_isolation ON delivery_endpoint TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON delivery_endpoint;
CREATE POLICY staff ON delivery_endpoint TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON delivery_endpoint TO app_rt;

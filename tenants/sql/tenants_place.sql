-- A tenant sees where periodic work for it stopped.
ALTER TABLE tenants_place ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_place;
CREATE POLICY tenant_isolation ON tenants_place TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON tenants_place;
CREATE POLICY staff ON tenants_place TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants_place TO app_rt;

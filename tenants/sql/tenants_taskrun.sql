-- Of no tenant. Workers write it outside any tenant's context, and no request in a tenant's context sees or changes it.
ALTER TABLE tenants_taskrun ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS of_no_tenant ON tenants_taskrun;
CREATE POLICY of_no_tenant ON tenants_taskrun TO app_web
    USING ((SELECT current_tenant()) IS NULL)
    WITH CHECK ((SELECT current_tenant()) IS NULL);

DROP POLICY IF EXISTS staff ON tenants_taskrun;
CREATE POLICY staff ON tenants_taskrun TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON tenants_taskrun TO app_web;
GRANT INSERT, UPDATE ON tenants_taskrun TO app_worker;

-- Of no tenant. Anyone may read these public keys; workers add theirs, as staff, before they sign with it.
ALTER TABLE tenants_certificatekey ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS of_no_tenant ON tenants_certificatekey;
CREATE POLICY of_no_tenant ON tenants_certificatekey FOR SELECT TO app_web
    USING ((SELECT current_tenant()) IS NULL);

DROP POLICY IF EXISTS staff ON tenants_certificatekey;
CREATE POLICY staff ON tenants_certificatekey TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON tenants_certificatekey TO app_web;
REVOKE UPDATE, DELETE ON tenants_certificatekey FROM app_staff;

-- A partner asks for certifications of its endpoints. A worker writes what came of them.
ALTER TABLE delivery_certification ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_certification;
CREATE POLICY tenant_isolation ON delivery_certification TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_certification;
CREATE POLICY staff ON delivery_certification TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT (tenant_id, endpoint_id, integration_id, secret_version, revision)
    ON delivery_certification TO app_web;
GRANT UPDATE (status, report, leased_until, finished_at) ON delivery_certification TO app_worker;

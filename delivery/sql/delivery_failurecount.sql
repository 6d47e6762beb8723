-- Counted in the context of the endpoint's owner, by the worker.
ALTER TABLE delivery_failurecount ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_failurecount;
CREATE POLICY tenant_isolation ON delivery_failurecount TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_failurecount;
CREATE POLICY staff ON delivery_failurecount TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON delivery_failurecount TO app_worker;

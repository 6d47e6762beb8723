-- A tenant sees the endpoints that it registered.
ALTER TABLE delivery_endpoint ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_endpoint;
CREATE POLICY tenant_isolation ON delivery_endpoint TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_endpoint;
CREATE POLICY staff ON delivery_endpoint TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_endpoint TO app_web;
GRANT INSERT, UPDATE ON delivery_endpoint TO app_worker;
-- A partner may have one tried again that is left alone.
GRANT UPDATE (consecutive_failures, openings, open_until, disabled_at) ON delivery_endpoint TO app_web;

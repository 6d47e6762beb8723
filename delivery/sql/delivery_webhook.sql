-- A partner sees its own webhooks.
ALTER TABLE delivery_webhook ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_webhook;
CREATE POLICY tenant_isolation ON delivery_webhook TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_webhook;
CREATE POLICY staff ON delivery_webhook TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON delivery_webhook TO app_web;

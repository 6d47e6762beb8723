-- A partner sees the attempts to send to its webhooks.
ALTER TABLE delivery_webhookattempt ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_webhookattempt;
CREATE POLICY tenant_isolation ON delivery_webhookattempt TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_webhookattempt;
CREATE POLICY staff ON delivery_webhookattempt TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_webhookattempt TO app_web;
GRANT INSERT ON delivery_webhookattempt TO app_worker;

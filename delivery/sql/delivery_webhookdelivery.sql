-- A partner sees what is sent to its webhooks. The worker reaches that of all partners through claim_deliveries.
ALTER TABLE delivery_webhookdelivery ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_webhookdelivery;
CREATE POLICY tenant_isolation ON delivery_webhookdelivery TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_webhookdelivery;
CREATE POLICY staff ON delivery_webhookdelivery TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_webhookdelivery TO app_web;
GRANT UPDATE ON delivery_webhookdelivery TO app_worker;

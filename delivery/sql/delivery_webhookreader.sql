-- A partner sees how far its webhooks have got. hand_out_events moves them on.
ALTER TABLE delivery_webhookreader ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_webhookreader;
CREATE POLICY tenant_isolation ON delivery_webhookreader TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_webhookreader;
CREATE POLICY staff ON delivery_webhookreader TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON delivery_webhookreader TO app_web;
GRANT UPDATE (seq) ON delivery_webhookreader TO app_web;

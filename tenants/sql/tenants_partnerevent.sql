-- A partner reads its events. What happens to a customer is an event of its partner, which the customer itself may cause;
-- it does not read it. Nobody changes an event: number_event gives each its place in the feed.
ALTER TABLE tenants_partnerevent ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_partnerevent;
CREATE POLICY tenant_isolation ON tenants_partnerevent TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (
        actor NOT LIKE 'staff:%'
        AND EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = coalesce(tenants_partnerevent.customer_id, tenants_partnerevent.tenant_id)
                AND coalesce(t.parent_id, t.id) = tenants_partnerevent.tenant_id
        )
    );

DROP POLICY IF EXISTS staff ON tenants_partnerevent;
CREATE POLICY staff ON tenants_partnerevent TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE ON tenants_partnerevent FROM app_staff;
GRANT INSERT (tenant_id, type, version, customer_id, external_id, actor, request_id, data, previous)
    ON tenants_partnerevent TO app_web, app_staff;
GRANT SELECT ON tenants_partnerevent TO app_web;

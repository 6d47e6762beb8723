-- Where a partner's events end. Only number_event moves it.
ALTER TABLE tenants_eventhead ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_eventhead;
CREATE POLICY tenant_isolation ON tenants_eventhead FOR SELECT TO app_web
    USING (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_eventhead;
CREATE POLICY staff ON tenants_eventhead TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE ON tenants_eventhead FROM app_staff;
GRANT SELECT ON tenants_eventhead TO app_web;

-- How many actions failed, counted in the context of the endpoint's owner.
ALTER TABLE delivery_endpointhour ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_endpointhour;
CREATE POLICY tenant_isolation ON delivery_endpointhour TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_endpointhour;
CREATE POLICY staff ON delivery_endpointhour TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_endpointhour TO app_web;
GRANT INSERT, UPDATE, DELETE ON delivery_endpointhour TO app_worker;

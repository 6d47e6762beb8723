-- A tenant sees its own counts. A partner gets sums over its customers from lift_of_customers.
ALTER TABLE decisions_liftcount ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_liftcount;
CREATE POLICY tenant_isolation ON decisions_liftcount TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON decisions_liftcount;
CREATE POLICY staff ON decisions_liftcount TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON decisions_liftcount TO app_rt;

-- A tenant sees its own usage. A partner gets its customers' totals from usage_of_customers.
ALTER TABLE events_monthlyusage ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_monthlyusage;
CREATE POLICY tenant_isolation ON events_monthlyusage TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_monthlyusage;
CREATE POLICY staff ON events_monthlyusage TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_monthlyusage TO app_rt;

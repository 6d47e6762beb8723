-- A tenant sees which of its users were active in a month. It may delete rows, to erase a user.
ALTER TABLE events_monthlyactivity ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_monthlyactivity;
CREATE POLICY tenant_isolation ON events_monthlyactivity TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_monthlyactivity;
CREATE POLICY staff ON events_monthlyactivity TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON events_monthlyactivity TO app_rt;

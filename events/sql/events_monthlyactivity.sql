-- A tenant sees which of its users were active in a month. It may delete rows, to erase a user.
ALTER TABLE events_monthlyactivity ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_monthlyactivity;
CREATE POLICY tenant_isolation ON events_monthlyactivity TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_monthlyactivity;
CREATE POLICY staff ON events_monthlyactivity TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON events_monthlyactivity TO app_web;

-- A tenant sees the stage changes of its own users.
ALTER TABLE events_stagechange ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_stagechange;
CREATE POLICY tenant_isolation ON events_stagechange TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_stagechange;
CREATE POLICY staff ON events_stagechange TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_stagechange TO app_web;

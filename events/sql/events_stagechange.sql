-- A tenant sees the stage changes of its own users.
ALTER TABLE events_stagechange ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_stagechange;
CREATE POLICY tenant_isolation ON events_stagechange TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_stagechange;
CREATE POLICY staff ON events_stagechange TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_stagechange TO app_rt;

-- A tenant sees its own users. A partner does not see its customers'.
ALTER TABLE events_trackeduser ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_trackeduser;
CREATE POLICY tenant_isolation ON events_trackeduser TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_trackeduser;
CREATE POLICY staff ON events_trackeduser TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON events_trackeduser TO app_web;

-- A tenant sees its own users. A partner does not see its customers'.
ALTER TABLE events_trackeduser ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_trackeduser;
CREATE POLICY tenant_isolation ON events_trackeduser TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_trackeduser;
CREATE POLICY staff ON events_trackeduser TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON events_trackeduser TO app_rt;

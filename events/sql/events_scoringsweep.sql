-- A tenant sees how far the scoring of its own users has got.
ALTER TABLE events_scoringsweep ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_scoringsweep;
CREATE POLICY tenant_isolation ON events_scoringsweep TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_scoringsweep;
CREATE POLICY staff ON events_scoringsweep TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON events_scoringsweep TO app_rt;

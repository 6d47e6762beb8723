-- A tenant sees its own decisions.
ALTER TABLE decisions_decision ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_decision;
CREATE POLICY tenant_isolation ON decisions_decision TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON decisions_decision;
CREATE POLICY staff ON decisions_decision TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON decisions_decision TO app_rt;

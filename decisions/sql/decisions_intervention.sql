-- A tenant sees its own interventions.
ALTER TABLE decisions_intervention ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_intervention;
CREATE POLICY tenant_isolation ON decisions_intervention TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON decisions_intervention;
CREATE POLICY staff ON decisions_intervention TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON decisions_intervention TO app_rt;

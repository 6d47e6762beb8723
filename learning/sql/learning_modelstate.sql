-- A tenant sees the state of its own model. Staff see that it exists, but not what it learned.
ALTER TABLE learning_modelstate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_modelstate;
CREATE POLICY tenant_isolation ON learning_modelstate TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON learning_modelstate;
CREATE POLICY staff ON learning_modelstate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON learning_modelstate TO app_rt;
REVOKE SELECT, INSERT, UPDATE ON learning_modelstate FROM app_staff;
GRANT SELECT (tenant_id, version, pattern_weight, updated_at) ON learning_modelstate TO app_staff;

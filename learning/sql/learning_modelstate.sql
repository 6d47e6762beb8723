-- A tenant sees the state of its own model. Staff see that it exists, but not what it learned.
ALTER TABLE learning_modelstate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_modelstate;
CREATE POLICY tenant_isolation ON learning_modelstate TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON learning_modelstate;
CREATE POLICY staff ON learning_modelstate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON learning_modelstate TO app_web;
GRANT INSERT, UPDATE ON learning_modelstate TO app_worker;
REVOKE SELECT, INSERT, UPDATE ON learning_modelstate FROM app_staff;
GRANT SELECT (tenant_id, version, pattern_weight, updated_at) ON learning_modelstate TO app_staff;

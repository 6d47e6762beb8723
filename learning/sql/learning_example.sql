-- A tenant sees its own examples.
ALTER TABLE learning_example ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_example;
CREATE POLICY tenant_isolation ON learning_example TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON learning_example;
CREATE POLICY staff ON learning_example TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON learning_example TO app_web;
GRANT DELETE ON learning_example TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON learning_example;
CREATE POLICY upkeep ON learning_example FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, recorded_at, features) ON learning_example TO app_upkeep;

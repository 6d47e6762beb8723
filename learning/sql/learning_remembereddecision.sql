-- A tenant sees its own remembered decisions.
ALTER TABLE learning_remembereddecision ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_remembereddecision;
CREATE POLICY tenant_isolation ON learning_remembereddecision TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON learning_remembereddecision;
CREATE POLICY staff ON learning_remembereddecision TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON learning_remembereddecision TO app_web;
GRANT DELETE ON learning_remembereddecision TO app_worker;
-- Locking a row needs the right to update at least one of its columns.
GRANT UPDATE (decided_at) ON learning_remembereddecision TO app_web;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON learning_remembereddecision;
CREATE POLICY upkeep ON learning_remembereddecision FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, decided_at) ON learning_remembereddecision TO app_upkeep;

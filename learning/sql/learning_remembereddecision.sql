-- A tenant sees its own remembered decisions.
ALTER TABLE learning_remembereddecision ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_remembereddecision;
CREATE POLICY tenant_isolation ON learning_remembereddecision TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON learning_remembereddecision;
CREATE POLICY staff ON learning_remembereddecision TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON learning_remembereddecision TO app_rt;
-- Locking a row needs the right to update at least one of its columns.
GRANT UPDATE (decided_at) ON learning_remembereddecision TO app_rt;

-- A partner sees and steers its roll-outs.
ALTER TABLE integrations_rollout ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_rollout;
CREATE POLICY tenant_isolation ON integrations_rollout TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_rollout;
CREATE POLICY staff ON integrations_rollout TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_rollout TO app_web;
GRANT UPDATE (status, stage, stage_began_at, stage_ends_at, total, moved, guard_seen, due_at, finished_at)
    ON integrations_rollout TO app_web;

-- Rounds look for partners that have work.
DROP POLICY IF EXISTS upkeep ON integrations_rollout;
CREATE POLICY upkeep ON integrations_rollout FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, status, due_at, finished_at) ON integrations_rollout TO app_upkeep;

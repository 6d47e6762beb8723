-- A partner begins recoveries of its endpoints, and begins one that was stopped again. advance_recoveries does the work.
ALTER TABLE delivery_recovery ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_recovery;
CREATE POLICY tenant_isolation ON delivery_recovery TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_recovery;
CREATE POLICY staff ON delivery_recovery TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT (tenant_id, endpoint_id, since, until, actions, customers), UPDATE (status, finished_at, due_at)
    ON delivery_recovery TO app_web;

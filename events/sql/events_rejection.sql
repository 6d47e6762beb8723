-- A tenant sees the events of its own that were rejected.
--
-- The rings, its partitions, have no policies and no grants to app_web, which can only reach them through this table.
ALTER TABLE events_rejection ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_rejection;
CREATE POLICY tenant_isolation ON events_rejection TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_rejection;
CREATE POLICY staff ON events_rejection TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON events_rejection TO app_web;

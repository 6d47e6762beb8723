-- A tenant sees the idempotency keys of its own events.
--
-- The rings, its partitions, have no policies and no grants to app_web, which can only reach them through this table.
ALTER TABLE events_eventkey ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_eventkey;
CREATE POLICY tenant_isolation ON events_eventkey TO app_rt
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_eventkey;
CREATE POLICY staff ON events_eventkey TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON events_eventkey TO app_rt;

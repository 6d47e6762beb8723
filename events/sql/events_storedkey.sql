-- A tenant sees the idempotency keys of its own events.
--
-- The partitions have no policies and no grants to app_rt, which can only reach them through this table.
ALTER TABLE events_storedkey ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_storedkey;
CREATE POLICY tenant_isolation ON events_storedkey TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON events_storedkey;
CREATE POLICY staff ON events_storedkey TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON events_storedkey TO app_rt;

-- A tenant sees the changes of its own actions. The trigger note_change writes them, whoever makes the change.
ALTER TABLE delivery_actionchange ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_actionchange;
CREATE POLICY tenant_isolation ON delivery_actionchange TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON delivery_actionchange;
CREATE POLICY staff ON delivery_actionchange TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON delivery_actionchange TO app_rt;

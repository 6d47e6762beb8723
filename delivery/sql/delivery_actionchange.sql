-- A tenant sees the changes of its own actions. The trigger note_change writes them, whoever makes the change.
ALTER TABLE delivery_actionchange ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_actionchange;
CREATE POLICY tenant_isolation ON delivery_actionchange TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_actionchange;
CREATE POLICY staff ON delivery_actionchange TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON delivery_actionchange TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON delivery_actionchange;
CREATE POLICY upkeep ON delivery_actionchange FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, due_at) ON delivery_actionchange TO app_upkeep;

-- A tenant sees its own decisions.
ALTER TABLE decisions_decision ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_decision;
CREATE POLICY tenant_isolation ON decisions_decision TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_decision;
CREATE POLICY staff ON decisions_decision TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_decision TO app_web;
GRANT DELETE ON decisions_decision TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON decisions_decision;
CREATE POLICY upkeep ON decisions_decision FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, created_at, closed_at, cost_state) ON decisions_decision TO app_upkeep;

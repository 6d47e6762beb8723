-- A tenant sees its own interventions.
ALTER TABLE decisions_intervention ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_intervention;
CREATE POLICY tenant_isolation ON decisions_intervention TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_intervention;
CREATE POLICY staff ON decisions_intervention TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_intervention TO app_web;
GRANT DELETE ON decisions_intervention TO app_worker;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON decisions_intervention;
CREATE POLICY upkeep ON decisions_intervention FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, status, planned_at, sent_at) ON decisions_intervention TO app_upkeep;

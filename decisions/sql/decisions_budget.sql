-- A tenant sees its own budget.
ALTER TABLE decisions_budget ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_budget;
CREATE POLICY tenant_isolation ON decisions_budget TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_budget;
CREATE POLICY staff ON decisions_budget TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON decisions_budget TO app_web;

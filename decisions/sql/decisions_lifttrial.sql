-- A tenant sees its own trial. begin_lift_trial makes the row.
ALTER TABLE decisions_lifttrial ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON decisions_lifttrial;
CREATE POLICY tenant_isolation ON decisions_lifttrial TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON decisions_lifttrial;
CREATE POLICY staff ON decisions_lifttrial TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON decisions_lifttrial TO app_web;
GRANT UPDATE ON decisions_lifttrial TO app_worker;

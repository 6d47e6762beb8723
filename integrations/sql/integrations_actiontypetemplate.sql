-- A partner sees its templates. Its customers see the action types made from them, not the templates.
ALTER TABLE integrations_actiontypetemplate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_actiontypetemplate;
CREATE POLICY tenant_isolation ON integrations_actiontypetemplate TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_actiontypetemplate;
CREATE POLICY staff ON integrations_actiontypetemplate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontypetemplate TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_actiontypetemplate;
CREATE POLICY releases ON integrations_actiontypetemplate FOR SELECT TO app_release USING (true);
GRANT SELECT (id, tenant_id, integration_id, name, position) ON integrations_actiontypetemplate TO app_release;

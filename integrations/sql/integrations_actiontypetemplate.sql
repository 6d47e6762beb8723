-- A partner's, and read by whoever has the integration: what a customer's action types are called, and of which kind they
-- are. Its kind is all that changes.
ALTER TABLE integrations_actiontypetemplate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_actiontypetemplate;
CREATE POLICY tenant_isolation ON integrations_actiontypetemplate TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shared ON integrations_actiontypetemplate;
CREATE POLICY shared ON integrations_actiontypetemplate FOR SELECT TO app_web
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_actiontypetemplate.integration_id
                AND s.tenant_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON integrations_actiontypetemplate;
CREATE POLICY staff ON integrations_actiontypetemplate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontypetemplate TO app_web;
GRANT UPDATE (kind, kind_source) ON integrations_actiontypetemplate TO app_web;

-- A release counts outcomes by template, and over all partners by kind.
DROP POLICY IF EXISTS releases ON integrations_actiontypetemplate;
CREATE POLICY releases ON integrations_actiontypetemplate FOR SELECT TO app_release USING (true);
GRANT SELECT (id, tenant_id, integration_id, name, position, kind) ON integrations_actiontypetemplate TO app_release;

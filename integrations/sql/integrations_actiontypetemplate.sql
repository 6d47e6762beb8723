-- A partner sees its templates. Its customers see the action types made from them, not the templates.
ALTER TABLE integrations_actiontypetemplate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_actiontypetemplate;
CREATE POLICY tenant_isolation ON integrations_actiontypetemplate TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON integrations_actiontypetemplate;
CREATE POLICY staff ON integrations_actiontypetemplate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontypetemplate TO app_rt;

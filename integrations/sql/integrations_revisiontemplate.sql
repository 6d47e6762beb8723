-- As integrations_revision: a partner's, and for whoever has the integration. An action that was decided under an earlier
-- revision is sent by it. Where actions are sent is all that changes: refuse_change.
ALTER TABLE integrations_revisiontemplate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_revisiontemplate;
CREATE POLICY tenant_isolation ON integrations_revisiontemplate TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shared ON integrations_revisiontemplate;
CREATE POLICY shared ON integrations_revisiontemplate FOR SELECT TO app_web
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_revisiontemplate.integration_id
                AND s.tenant_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON integrations_revisiontemplate;
CREATE POLICY staff ON integrations_revisiontemplate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_revisiontemplate TO app_web;
GRANT UPDATE (delivery_webhook) ON integrations_revisiontemplate TO app_web;

-- A partner publishes revisions of its integrations. A customer sees those of integrations that it has, or had: events are
-- renamed as its own revision says. Nobody changes one: refuse_change.
ALTER TABLE integrations_revision ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_revision;
CREATE POLICY tenant_isolation ON integrations_revision TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shared ON integrations_revision;
CREATE POLICY shared ON integrations_revision FOR SELECT TO app_web
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_revision.integration_id
                AND s.tenant_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON integrations_revision;
CREATE POLICY staff ON integrations_revision TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_revision TO app_web;

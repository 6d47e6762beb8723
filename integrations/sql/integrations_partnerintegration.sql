-- A partner sees its integrations, and a customer sees those that are shared with it.
ALTER TABLE integrations_partnerintegration ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_partnerintegration;
CREATE POLICY tenant_isolation ON integrations_partnerintegration TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shared ON integrations_partnerintegration;
CREATE POLICY shared ON integrations_partnerintegration FOR SELECT TO app_web
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_partnerintegration.id
                AND s.tenant_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON integrations_partnerintegration;
CREATE POLICY staff ON integrations_partnerintegration TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_partnerintegration TO app_web;
-- What an integration does is in its revisions, which stay. Its provider changes when it is deleted, for another to have.
GRANT UPDATE (
    encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, held, display_name, active, revision,
    maps_events_later, deprecated_at, sunset_at, deleted_at, provider, require_certification
) ON integrations_partnerintegration TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_partnerintegration;
CREATE POLICY releases ON integrations_partnerintegration FOR SELECT TO app_release USING (true);
GRANT SELECT (id, domain, created_at) ON integrations_partnerintegration TO app_release;

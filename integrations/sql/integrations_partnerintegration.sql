-- A partner sees its integrations, and a customer sees those that are shared with it.
ALTER TABLE integrations_partnerintegration ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_partnerintegration;
CREATE POLICY tenant_isolation ON integrations_partnerintegration TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS shared ON integrations_partnerintegration;
CREATE POLICY shared ON integrations_partnerintegration FOR SELECT TO app_rt
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_partnerintegration.id
                AND s.tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        )
    );

DROP POLICY IF EXISTS staff ON integrations_partnerintegration;
CREATE POLICY staff ON integrations_partnerintegration TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_partnerintegration TO app_rt;
-- A partner may change the secrets of an integration, and nothing else.
GRANT UPDATE (encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until)
    ON integrations_partnerintegration TO app_rt;

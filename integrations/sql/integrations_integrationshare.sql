-- A customer sees what is shared with it, and a partner sees what it shares. Only a partner creates shares.
ALTER TABLE integrations_integrationshare ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_integrationshare;
CREATE POLICY tenant_isolation ON integrations_integrationshare TO app_rt
    USING (
        tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR partner_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
    )
    WITH CHECK (partner_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON integrations_integrationshare;
CREATE POLICY staff ON integrations_integrationshare TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_integrationshare TO app_rt;

-- A customer sees what is shared with it, and a partner sees what it shares. Only a partner creates shares,
-- moves them to another revision and ends them.
ALTER TABLE integrations_integrationshare ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_integrationshare;
CREATE POLICY tenant_isolation ON integrations_integrationshare TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR partner_id = (SELECT current_tenant())
    )
    WITH CHECK (partner_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_integrationshare;
CREATE POLICY staff ON integrations_integrationshare TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_integrationshare TO app_web;
GRANT UPDATE (revision, ended_at, cancelled_at, created_at) ON integrations_integrationshare TO app_web;

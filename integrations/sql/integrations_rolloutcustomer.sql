-- A partner sees which of its customers a roll-out moves.
ALTER TABLE integrations_rolloutcustomer ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_rolloutcustomer;
CREATE POLICY tenant_isolation ON integrations_rolloutcustomer TO app_web
    USING (partner_id = (SELECT current_tenant()))
    WITH CHECK (partner_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_rolloutcustomer;
CREATE POLICY staff ON integrations_rolloutcustomer TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_rolloutcustomer TO app_web;
GRANT UPDATE (revision_before, moved_at, returned_at) ON integrations_rolloutcustomer TO app_web;

-- A partner sees which thresholds its customers and it itself reached. Only reach_thresholds writes them, and nobody
-- changes or takes one away: it would be reached a second time.
ALTER TABLE events_reachedthreshold ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON events_reachedthreshold;
CREATE POLICY tenant_isolation ON events_reachedthreshold FOR SELECT TO app_web
    USING (tenant_id = (SELECT current_tenant()) OR partner_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON events_reachedthreshold;
CREATE POLICY staff ON events_reachedthreshold TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE ON events_reachedthreshold FROM app_staff;
GRANT SELECT ON events_reachedthreshold TO app_web;

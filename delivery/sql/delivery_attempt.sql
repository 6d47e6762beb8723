-- A tenant sees the attempts to send its own actions. It may empty the answers, which are kept for a shorter time.
ALTER TABLE delivery_attempt ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_attempt;
CREATE POLICY tenant_isolation ON delivery_attempt TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON delivery_attempt;
CREATE POLICY staff ON delivery_attempt TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON delivery_attempt TO app_rt;
GRANT UPDATE (response) ON delivery_attempt TO app_rt;

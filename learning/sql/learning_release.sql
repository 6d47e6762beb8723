-- Every tenant sees all releases: they contain nothing of any tenant. Without a context there are no rows.
ALTER TABLE learning_release ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_release;
CREATE POLICY tenant_isolation ON learning_release TO app_rt
    USING ((SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid) IS NOT NULL)
    WITH CHECK ((SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid) IS NOT NULL);

DROP POLICY IF EXISTS staff ON learning_release;
CREATE POLICY staff ON learning_release TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON learning_release TO app_rt;

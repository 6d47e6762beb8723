-- Every tenant sees all releases: they contain nothing of any tenant. Without a context there are no rows.
ALTER TABLE learning_release ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_release;
CREATE POLICY tenant_isolation ON learning_release TO app_web
    USING ((SELECT current_tenant()) IS NOT NULL)
    WITH CHECK ((SELECT current_tenant()) IS NOT NULL);

DROP POLICY IF EXISTS staff ON learning_release;
CREATE POLICY staff ON learning_release TO app_staff USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS releases ON learning_release;
CREATE POLICY releases ON learning_release TO app_release USING (true) WITH CHECK (true);

GRANT SELECT ON learning_release TO app_web;
GRANT SELECT, INSERT ON learning_release TO app_release;
REVOKE INSERT, UPDATE, DELETE ON learning_release FROM app_staff;

-- A tenant sees the patterns of its partner, or its own if it is a partner, and those of all partners together.
ALTER TABLE learning_pattern ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_pattern;
CREATE POLICY tenant_isolation ON learning_pattern TO app_web
    USING (
        partner_id IS NULL
        OR partner_id = (SELECT current_tenant())
        OR partner_id = (
            SELECT t.parent_id FROM tenants_tenant t
            WHERE t.id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        partner_id IS NULL
        OR partner_id = (SELECT current_tenant())
        OR partner_id = (
            SELECT t.parent_id FROM tenants_tenant t
            WHERE t.id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON learning_pattern;
CREATE POLICY staff ON learning_pattern TO app_staff USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS releases ON learning_pattern;
CREATE POLICY releases ON learning_pattern TO app_release USING (true) WITH CHECK (true);

GRANT SELECT ON learning_pattern TO app_web;
GRANT SELECT, INSERT ON learning_pattern TO app_release;
REVOKE INSERT, UPDATE ON learning_pattern FROM app_staff;

-- A tenant sees the patterns of its partner, or its own if it is a partner, and those of all partners together.
ALTER TABLE learning_pattern ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_pattern;
CREATE POLICY tenant_isolation ON learning_pattern TO app_rt
    USING (
        partner_id IS NULL
        OR partner_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR partner_id = (
            SELECT t.parent_id FROM tenants_tenant t
            WHERE t.id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        )
    )
    WITH CHECK (
        partner_id IS NULL
        OR partner_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR partner_id = (
            SELECT t.parent_id FROM tenants_tenant t
            WHERE t.id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        )
    );

DROP POLICY IF EXISTS staff ON learning_pattern;
CREATE POLICY staff ON learning_pattern TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON learning_pattern TO app_rt;

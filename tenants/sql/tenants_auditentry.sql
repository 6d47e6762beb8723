-- A tenant appends to the audit trail, of itself or of a customer, by its keys; staff alone read it. Nobody changes it or
-- takes anything out of it: chain_entry gives each entry its position and the hash of the one before.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_auditentry.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        actor LIKE 'api\_key:%'
        AND (
            tenant_id = (SELECT current_tenant())
            OR EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_auditentry.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
        )
    );

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_auditentry FROM app_staff;
GRANT INSERT (actor, action, tenant_id, target_type, target_id, address, request_id, detail) ON tenants_auditentry TO app_web, app_staff;

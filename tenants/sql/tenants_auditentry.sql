-- A tenant appends to the audit trail, of itself or of a customer; staff alone read it.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry TO app_rt
    USING (
        tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_auditentry.tenant_id
                AND t.parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        )
    )
    WITH CHECK (
        tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_auditentry.tenant_id
                AND t.parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        )
    );

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

GRANT INSERT ON tenants_auditentry TO app_rt;

-- What each layer says of a tenant: the tenant itself, its partner, staff. A tenant sees what all of them say of it, a
-- partner what is said of its customers. Each layer is written by its own actor alone.
ALTER TABLE tenants_control ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_control;
CREATE POLICY tenant_isolation ON tenants_control FOR SELECT TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_control.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS own_layer ON tenants_control;
CREATE POLICY own_layer ON tenants_control TO app_web
    USING (
        CASE layer
            WHEN 'self' THEN tenant_id = (SELECT current_tenant())
            WHEN 'partner' THEN EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_control.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
            ELSE false
        END
    )
    WITH CHECK (
        CASE layer
            WHEN 'self' THEN tenant_id = (SELECT current_tenant())
            WHEN 'partner' THEN EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_control.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
            ELSE false
        END
    );

DROP POLICY IF EXISTS staff ON tenants_control;
CREATE POLICY staff ON tenants_control TO app_staff USING (true) WITH CHECK (layer = 'staff');

-- authenticate_api_key runs before there is a context.
DROP POLICY IF EXISTS key_lookup ON tenants_control;
CREATE POLICY key_lookup ON tenants_control FOR SELECT TO app_auth USING (true);

-- A row goes with its tenant, by its foreign key: what is said of a tenant holds until its last row is deleted.
REVOKE DELETE ON tenants_control FROM app_staff;
GRANT SELECT, INSERT, UPDATE ON tenants_control TO app_web;
GRANT SELECT ON tenants_control TO app_auth;

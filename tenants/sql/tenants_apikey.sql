-- A tenant sees its keys, and a partner its customers'.
ALTER TABLE tenants_apikey ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_apikey;
CREATE POLICY tenant_isolation ON tenants_apikey TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_apikey.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_apikey.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON tenants_apikey;
CREATE POLICY staff ON tenants_apikey TO app_staff USING (true) WITH CHECK (true);

-- authenticate_api_key runs before there is a context, and records when a key was last used.
DROP POLICY IF EXISTS key_lookup ON tenants_apikey;
CREATE POLICY key_lookup ON tenants_apikey TO app_auth USING (true);

-- Without the digest: who knows it can authenticate with it.
GRANT SELECT (
    id, tenant_id, prefix, label, scopes, mode, allowed_cidrs, created_at, created_by, replaces_id, expires_at,
    expiry_told, revoked_at, revoked_reason, last_used_at, last_used_ip_prefix
), INSERT ON tenants_apikey TO app_web;
-- What a key may do never changes. See also the trigger guard_api_key.
GRANT UPDATE (label, expires_at, revoked_at) ON tenants_apikey TO app_web;
GRANT SELECT (digest), UPDATE (expiry_told) ON tenants_apikey TO app_worker;
GRANT SELECT, UPDATE (last_used_at, last_used_ip_prefix) ON tenants_apikey TO app_auth;

-- A round looks for tenants whose keys expire soon.
DROP POLICY IF EXISTS upkeep ON tenants_apikey;
CREATE POLICY upkeep ON tenants_apikey FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, expires_at, expiry_told, revoked_at) ON tenants_apikey TO app_upkeep;

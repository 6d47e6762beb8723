-- A tenant sees itself, and a partner its customers.
ALTER TABLE tenants_tenant ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_tenant;
CREATE POLICY tenant_isolation ON tenants_tenant TO app_web
    USING (
        id = (SELECT current_tenant())
        OR parent_id = (SELECT current_tenant())
    )
    WITH CHECK (
        id = (SELECT current_tenant())
        OR parent_id = (SELECT current_tenant())
    );

DROP POLICY IF EXISTS staff ON tenants_tenant;
CREATE POLICY staff ON tenants_tenant TO app_staff USING (true) WITH CHECK (true);

-- authenticate_api_key runs before there is a context.
DROP POLICY IF EXISTS key_lookup ON tenants_tenant;
CREATE POLICY key_lookup ON tenants_tenant FOR SELECT TO app_auth USING (true);

GRANT SELECT, INSERT ON tenants_tenant TO app_web;
-- Not suspended_by_staff, so no partner lifts a suspension by staff. See also the trigger own_plan.
GRANT UPDATE (
    name, config, config_by_partner, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit,
    external_id, metadata, updated_at, delete_at, rate_limit
) ON tenants_tenant TO app_web;
GRANT SELECT ON tenants_tenant TO app_auth;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON tenants_tenant;
CREATE POLICY upkeep ON tenants_tenant FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (id, created_at, plan_status, config, delete_at) ON tenants_tenant TO app_upkeep;

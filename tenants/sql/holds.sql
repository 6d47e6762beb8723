-- Returns whether a layer says that nothing of the tenant is sent: then controls_in_force says `held`.
CREATE OR REPLACE FUNCTION holds(said tenants_control) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN said.suspended_since IS NOT NULL OR said.kill_switch_since IS NOT NULL OR said.shadow_mode_since IS NOT NULL;

REVOKE ALL ON FUNCTION holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holds TO app_web, app_staff, app_auth;

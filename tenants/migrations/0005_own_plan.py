"""Who may change what of a tenant: columns by grant, a tenant's own plan by a trigger.

Row-level security shows a tenant itself and a partner its customers, and the runtime role is the same for both; only
old values beside new ones tell a partner that sets a customer's limit from a tenant that raises its own.
"""

from django.db import migrations

_FUNCTION = """
    CREATE FUNCTION refuse_own_plan() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant does not change its own plan'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
"""

# A customer's limit does not hold where `overage` allows more, so that is its partner's to set, as is for how long
# events are kept (`tenants.config.SET_BY_PARTNER`).
_TRIGGER = """
    CREATE TRIGGER own_plan BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        NEW.id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid
        AND (
            (OLD.plan_tier, OLD.plan_status, OLD.tracked_user_limit)
                IS DISTINCT FROM (NEW.plan_tier, NEW.plan_status, NEW.tracked_user_limit)
            OR OLD.tenant_role = 'customer'
                AND (OLD.config -> 'overage', OLD.config -> 'retention_days')
                    IS DISTINCT FROM (NEW.config -> 'overage', NEW.config -> 'retention_days')
        )
    )
    EXECUTE FUNCTION refuse_own_plan()
"""

_TABLE = """
ALTER TABLE tenants_tenant ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_tenant;
CREATE POLICY tenant_isolation ON tenants_tenant TO app_rt
    USING (
        id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
    )
    WITH CHECK (
        id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
        OR parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
    );

DROP POLICY IF EXISTS staff ON tenants_tenant;
CREATE POLICY staff ON tenants_tenant TO app_staff USING (true) WITH CHECK (true);

-- authenticate_api_key runs before there is a context.
DROP POLICY IF EXISTS key_lookup ON tenants_tenant;
CREATE POLICY key_lookup ON tenants_tenant FOR SELECT TO app_auth USING (true);

GRANT SELECT, INSERT ON tenants_tenant TO app_rt;
-- Not suspended_by_staff, so no partner lifts a suspension by staff. See also the trigger own_plan.
GRANT UPDATE (
    name, config, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit
) ON tenants_tenant TO app_rt;
GRANT SELECT ON tenants_tenant TO app_auth;
"""

_COLUMNS = "name, config, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_switches")]

    operations = [
        migrations.RunSQL(
            # Until now only staff could suspend.
            sql="UPDATE tenants_tenant SET suspended_by_staff = true WHERE plan_status = 'suspended'",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            sql=[
                _FUNCTION,
                "REVOKE ALL ON FUNCTION refuse_own_plan FROM PUBLIC",
                _TRIGGER,
            ],
            reverse_sql=[
                "DROP TRIGGER own_plan ON tenants_tenant",
                "DROP FUNCTION refuse_own_plan",
            ],
        ),
        migrations.RunSQL(
            sql=[_TABLE],
            reverse_sql=f"REVOKE UPDATE ({_COLUMNS}) ON tenants_tenant FROM app_rt",
        ),
    ]

"""What a partner set of its customer's config, apart from what the customer made of it.

The column is added to the catalogue alone. The release before does not write it: a config that a partner changes there
during the upgrade is in force, and shown to the partner once it sets it again.
"""

from importlib import import_module

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.models import Value

_plan = import_module("tenants.migrations.0007_partners_word_on_learning")
_table = import_module("tenants.migrations.0005_own_plan")._TABLE

# As it was until customers had ids of their partner's.
TENANTS_TENANT = """\
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
    name, config, config_by_partner, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit
) ON tenants_tenant TO app_web;
GRANT SELECT ON tenants_tenant TO app_auth;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON tenants_tenant;
CREATE POLICY upkeep ON tenants_tenant FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (id, created_at, plan_status, config) ON tenants_tenant TO app_upkeep;
"""

# As it was until there were limits of requests.
OWN_PLAN = """\
-- Stops a tenant from changing its own plan, which only its partner and staff may change.
--
-- Row-level security lets a tenant update itself and a partner update its customers, and both use the same runtime
-- role. Only a trigger, which compares old and new values, can distinguish a partner that sets a customer's limit from
-- a tenant that raises its own.
CREATE OR REPLACE FUNCTION refuse_own_plan() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant does not change its own plan'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_own_plan FROM PUBLIC;

-- What the partner set of a customer's config is kept as its word, whatever the customer makes of it.
-- Three keys of a customer's config are its partner's to set, too (`tenants.config.SET_BY_PARTNER`). `overage` is one
-- of them because the limit does not hold where it allows more.
CREATE OR REPLACE TRIGGER own_plan BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        NEW.id = public.current_tenant()
        AND (
            (OLD.plan_tier, OLD.plan_status, OLD.tracked_user_limit, OLD.config_by_partner)
                IS DISTINCT FROM (NEW.plan_tier, NEW.plan_status, NEW.tracked_user_limit, NEW.config_by_partner)
            OR OLD.tenant_role = 'customer'
                AND (OLD.config -> 'overage', OLD.config -> 'retention_days', OLD.config -> 'learning_by_partner')
                    IS DISTINCT FROM
                    (NEW.config -> 'overage', NEW.config -> 'retention_days', NEW.config -> 'learning_by_partner')
        )
    )
    EXECUTE FUNCTION refuse_own_plan();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0014_leaked_keys")]

    operations = [
        ValidateConstraint(model_name="apikey", name="api_key_revoked_reason_known"),
        migrations.AddField(
            model_name="tenant",
            name="config_by_partner",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                editable=False,
                help_text="What the partner set of a customer's config",
            ),
        ),
        migrations.RunSQL(
            sql=[TENANTS_TENANT],
            reverse_sql=["REVOKE UPDATE (config_by_partner) ON tenants_tenant FROM app_rt", _table],
        ),
        migrations.RunSQL(sql=[OWN_PLAN], reverse_sql=[_plan._DROP, _plan._OWN_PLAN]),
    ]

"""A tenant that is being deleted is let in nowhere: not by its keys, and no row of it into any table."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_TENANT = import_module("tenants.migrations.0022_ids_of_customers").TENANTS_TENANT
_controls = import_module("tenants.migrations.0025_controls")
_keys = import_module("tenants.migrations.0029_keys_guarded")

# As it was until there were limits of requests.
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
    name, config, config_by_partner, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit,
    external_id, metadata, updated_at, delete_at
) ON tenants_tenant TO app_web;
GRANT SELECT ON tenants_tenant TO app_auth;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON tenants_tenant;
CREATE POLICY upkeep ON tenants_tenant FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (id, created_at, plan_status, config, delete_at) ON tenants_tenant TO app_upkeep;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0034_deletions_validated")]

    operations = [
        migrations.RunSQL(
            sql=[TENANTS_TENANT],
            reverse_sql=[
                _TENANT,
                "REVOKE UPDATE (delete_at) ON tenants_tenant FROM app_web",
                "REVOKE SELECT (delete_at) ON tenants_tenant FROM app_upkeep",
            ],
        ),
        # First what the others call.
        migrations.RunSQL(sql="DROP FUNCTION controls_in_force", reverse_sql=[_controls.CONTROLS_IN_FORCE]),
        InForce("tenants", "controls_in_force", digest="5460f8e04d0e", reverse_sql="DROP FUNCTION controls_in_force"),
        InForce("tenants", "controls_of_caller", digest="450d89de221f", reverse_sql=[_controls.CONTROLS_OF_CALLER]),
        InForce("tenants", "refusal_of_key", digest="222b5cddd7c5", reverse_sql=[_controls.REFUSAL_OF_KEY]),
        InForce("tenants", "authenticate_api_key", digest="8f60691b65f1", reverse_sql=[_keys.AUTHENTICATE]),
        InForce("tenants", "apply_controls", digest="5381d96d6ce0", reverse_sql=[_controls.APPLY_CONTROLS]),
        InForce("tenants", "note_switches", digest="a80c654e8fa3", reverse_sql=[_controls.NOTE_SWITCHES]),
        InForce(
            "tenants",
            "refuse_late_restore",
            digest="6c8367778b37",
            reverse_sql=["DROP TRIGGER restored_in_time ON tenants_tenant", "DROP FUNCTION refuse_late_restore"],
        ),
        # Its triggers are made by `migrate` itself.
        InForce(
            "tenants",
            "refuse_while_deleting",
            digest="b66f214192dd",
            reverse_sql="DROP FUNCTION refuse_while_deleting CASCADE",
        ),
    ]

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

# As it was until customers were spared what staff say about their partner.
CONTROLS_IN_FORCE = """\
-- Returns the state that follows from all that the layers say of a tenant and of its partner. The strictest wins.
--
-- `sending` is held if there is anything in `because`, which has the reasons, the strictest first: that the tenant is
-- being
-- deleted, a suspension in full, one that holds, a kill switch, shadow mode; of two alike staff's, the partner's,
-- then the tenant's own. `since`,
-- `said_by` and `reason` are those of the first. `ingesting` is off under the first two, and keys are refused then.
--
-- A partner's own switches and what staff say of the partner apply to its customers. A suspension of the partner holds
-- them at first, and one in full refuses their keys, too, after `cascade_days`.
--
-- Sees what its caller may see: of a customer, call controls_of_caller.
CREATE OR REPLACE FUNCTION controls_in_force(
    of_tenant uuid, of_partner uuid, is_deleting boolean,
    OUT sending text, OUT ingesting text, OUT because text[], OUT since timestamptz, OUT said_by text, OUT reason text
)
    LANGUAGE plpgsql STABLE
    AS $$
    DECLARE
        said record;
    BEGIN
        sending := 'on';
        ingesting := 'on';
        because := '{}';
        -- As of most tenants.
        IF NOT is_deleting AND NOT EXISTS (
            SELECT FROM public.tenants_control c WHERE c.tenant_id IN (of_tenant, of_partner) AND public.holds(c)
        ) THEN
            RETURN;
        END IF;
        FOR said IN
            SELECT u.* FROM (
                SELECT 'tenant_deleting' AS code, d.since, NULL AS reason, -1 AS strictness, d.layer
                FROM (SELECT) AS always LEFT JOIN LATERAL (
                    SELECT o.requested_at, CASE WHEN o.requested_by LIKE 'api_key:%' THEN 'partner' ELSE 'staff' END
                    FROM public.tenants_deletion o
                    WHERE o.subject_id = of_tenant AND o.status IN ('scheduled', 'running', 'failed')
                ) AS d (since, layer) ON true
                WHERE is_deleting
                UNION ALL
                SELECT s.code, s.since, s.reason, s.strictness, l.layer
                FROM public.tenants_control c
                CROSS JOIN LATERAL (
                    SELECT CASE WHEN c.layer = 'self' AND c.tenant_id = of_partner THEN 'partner' ELSE c.layer END
                ) AS l (layer)
                CROSS JOIN LATERAL (
                    SELECT CASE l.layer WHEN 'self' THEN '' ELSE l.layer || '_' END
                ) AS p (prefix)
                CROSS JOIN LATERAL (VALUES
                    (
                        CASE WHEN l.layer = 'partner' THEN 'tenant_suspended' WHEN c.tenant_id = of_partner
                            THEN 'partner_suspended' ELSE 'suspended_by_staff' END,
                        c.suspended_since, c.suspension_reason,
                        CASE WHEN c.suspension_mode = 'full' AND (
                            c.tenant_id = of_tenant OR c.suspended_since
                                + make_interval(days => c.cascade_days) <= now()
                        ) THEN 0 ELSE 1 END
                    ),
                    (p.prefix || 'kill_switch', c.kill_switch_since, c.kill_switch_reason, 2),
                    (p.prefix || 'shadow_mode', c.shadow_mode_since, c.shadow_mode_reason, 3)
                ) AS s (code, since, reason, strictness)
                WHERE c.tenant_id IN (of_tenant, of_partner) AND s.since IS NOT NULL
            ) AS u
            ORDER BY u.strictness, array_position('{staff,partner,self}', u.layer), u.since
        LOOP
            IF sending = 'on' THEN
                sending := 'held';
                ingesting := CASE WHEN said.strictness <= 0 THEN 'off' ELSE 'on' END;
                since := said.since;
                said_by := said.layer;
                reason := nullif(said.reason, '');
            END IF;
            IF said.code <> ALL (because) THEN
                because := because || said.code;
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION controls_in_force FROM PUBLIC;
GRANT EXECUTE ON FUNCTION controls_in_force TO app_web, app_staff, app_auth;
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
        migrations.RunSQL(sql=[CONTROLS_IN_FORCE], reverse_sql="DROP FUNCTION controls_in_force"),
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

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
    of_tenant uuid, of_partner uuid, is_deleting boolean DEFAULT false,
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

# As it was while an attempt with a key that is refused counted as a use.
AUTHENTICATE = """\
-- Looks up an API key by its digest, and notes that it was used, and from where. If the key is valid, sets the tenant
-- context of the transaction.
--
-- `caller` is the address of the client, null where it is not known: a key that may be used from some networks only is
-- refused then.
--
-- This is the only function that reads across tenants before there is a context. It returns data about the given key
-- only. Its owner, app_auth, cannot log in and can read three tables: see the policies `key_lookup` of tenants_tenant,
-- tenants_apikey and tenants_control.
--
-- A suspension that holds lets keys in: events are taken, decisions are logged, and nothing is sent. Of a tenant that
-- is being deleted the verdict is `suspended`, too, which the release before knows; refusal_of_key tells the two apart.

-- app_auth creates the function itself: app_owner can act as app_auth but does not inherit its rights, so it could not
-- replace a function that app_auth owns. To create it, app_auth needs CREATE on the schema, until the end of this file.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION authenticate_api_key(
    key_digest bytea, caller inet DEFAULT NULL,
    OUT verdict text, OUT key_id uuid, OUT tenant_id uuid, OUT tenant_role text, OUT scopes text[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        credential record;
    BEGIN
        SELECT k.id, k.tenant_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at, k.allowed_cidrs, t.tenant_role,
               CASE WHEN t.delete_at IS NOT NULL THEN 'off' WHEN EXISTS (
                   SELECT FROM public.tenants_control c WHERE c.tenant_id IN (t.id, t.parent_id) AND public.holds(c)
               ) THEN (SELECT f.ingesting FROM public.controls_in_force(t.id, t.parent_id, false) f) END AS ingesting
          INTO credential
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
         WHERE k.digest = key_digest;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        verdict := CASE
            WHEN credential.revoked_at IS NOT NULL THEN 'revoked'
            WHEN credential.expires_at <= now() THEN 'expired'
            WHEN credential.allowed_cidrs IS NOT NULL AND (caller <<= ANY (credential.allowed_cidrs)) IS NOT TRUE
                THEN 'address_not_allowed'
            WHEN credential.ingesting = 'off' THEN 'suspended'
            ELSE 'ok'
        END;
        key_id := credential.id;
        -- To the minute, and never waiting for another request of the same key.
        IF credential.last_used_at IS NULL OR credential.last_used_at < now() - interval '1 minute' THEN
            UPDATE public.tenants_apikey
            SET last_used_at = now(),
                last_used_ip_prefix = network(set_masklen(caller, CASE family(caller) WHEN 4 THEN 24 ELSE 48 END))
            WHERE id = (
                SELECT id FROM public.tenants_apikey WHERE id = credential.id FOR NO KEY UPDATE SKIP LOCKED
            );
        END IF;
        IF verdict = 'ok' THEN
            tenant_id := credential.tenant_id;
            tenant_role := credential.tenant_role;
            scopes := credential.scopes;
            PERFORM set_config('retivo.tenant_id', concat(
                credential.tenant_id,
                -- A worker's session needs no seal, and the release before, whose role is a worker, knows of none.
                CASE WHEN NOT pg_has_role(session_user, 'app_worker', 'MEMBER')
                    THEN public.context_seal(credential.tenant_id) END
            ), true);
        END IF;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION authenticate_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key TO app_web;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
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
        # A request that waits for the locks of this migration goes on in the former authenticate_api_key, which finds
        # the new function by the default of its third parameter.
        migrations.RunSQL(sql="DROP FUNCTION controls_in_force", reverse_sql=[_controls.CONTROLS_IN_FORCE]),
        migrations.RunSQL(sql=[CONTROLS_IN_FORCE], reverse_sql="DROP FUNCTION controls_in_force"),
        InForce("tenants", "controls_of_caller", digest="450d89de221f", reverse_sql=[_controls.CONTROLS_OF_CALLER]),
        InForce("tenants", "refusal_of_key", digest="222b5cddd7c5", reverse_sql=[_controls.REFUSAL_OF_KEY]),
        migrations.RunSQL(sql=[AUTHENTICATE], reverse_sql=[_keys.AUTHENTICATE]),
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

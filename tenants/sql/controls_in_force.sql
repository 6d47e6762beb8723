-- Returns the state that follows from all that the layers say of a tenant and of its partner. The strictest wins.
--
-- `sending` is held if there is anything in `because`, which has the reasons, the strictest first: that the tenant is being
-- deleted, a suspension in full, one that holds, a kill switch, shadow mode; of two alike staff's, the partner's, then the tenant's own. `since`,
-- `said_by` and `reason` are those of the first. `ingesting` is off under the first two, and keys are refused then.
--
-- A partner's own switches and what staff say of the partner apply to its customers, who are not told staff's reason: it is
-- about the partner. A suspension of the partner holds them at first, and one in full refuses their keys, too, after
-- `cascade_days`.
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
                SELECT s.code, s.since, CASE WHEN l.layer <> 'staff' OR c.tenant_id = of_tenant THEN s.reason END,
                    s.strictness, l.layer
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
                            c.tenant_id = of_tenant OR c.suspended_since + make_interval(days => c.cascade_days) <= now()
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

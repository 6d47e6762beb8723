-- Returns the partner's switches that are on for a part of what a tenant has: for an integration, or for action types of one
-- name. The kill switch comes first, which is the stricter one; then they are in the order of registration.
--
-- They hold what claim_actions holds by `held` of an integration: action types that were withdrawn, too, of which actions
-- may still be queued. Sees what its caller may see, as controls_in_force does.
CREATE OR REPLACE FUNCTION held_parts(of_tenant uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'switch', s.switch, 'integration_id', i.id, 'provider', i.provider,
            'action_type', nullif(p.part, '*'), 'since', s.said -> 'since', 'by', 'partner', 'reason', s.said -> 'reason'
        ) ORDER BY s.switch, i.created_at, i.id, p.part), '[]')
    FROM public.integrations_partnerintegration i
    CROSS JOIN LATERAL jsonb_each(i.held) AS p (part, switches)
    CROSS JOIN LATERAL jsonb_each(p.switches) AS s (switch, said)
    WHERE i.id IN (SELECT h.integration_id FROM public.integrations_integrationshare h WHERE h.tenant_id = of_tenant)
      AND EXISTS (
          SELECT FROM public.integrations_actiontype a
          WHERE a.tenant_id = of_tenant AND a.integration_id = i.id AND p.part IN ('*', a.name)
      )
    $$;

REVOKE ALL ON FUNCTION held_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_parts TO app_web, app_staff;

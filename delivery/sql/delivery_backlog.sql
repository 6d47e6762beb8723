-- What waits to be sent, over all tenants, as sums alone, for whoever runs Retivo.
--
-- Returns, by state and status, how many actions there are and for how many seconds the oldest has been due. `due` is
-- what a worker would claim now, `blocked` waits for an endpoint whose circuit is open or that is gone, `held` is what
-- claim_actions holds (a tenant that is being deleted or that a layer holds, an integration that is off or held), and `leased` is being
-- sent. Expired actions are not counted.
--
-- As in claim_actions, lanes are found by jumping through the index `action_due`. The function
-- looks at 5,000 lanes at most, and counts 1,000 actions in each and 100,000 in all, so that it costs a fifth of a
-- second at most. Beyond that, counts are lower bounds.
CREATE OR REPLACE FUNCTION delivery_backlog()
    RETURNS TABLE (state text, status text, actions bigint, oldest_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH RECURSIVE lane AS (
        (SELECT a.tenant_id, a.action_type_id, 1 AS n FROM public.delivery_action a
          WHERE a.status IN ('pending', 'dispatched') ORDER BY 1, 2 LIMIT 1)
        UNION ALL
        SELECT n.tenant_id, n.action_type_id, l.n + 1 FROM lane l CROSS JOIN LATERAL (
            SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
             WHERE a.status IN ('pending', 'dispatched')
               AND (a.tenant_id, a.action_type_id) > (l.tenant_id, l.action_type_id)
             ORDER BY 1, 2 LIMIT 1
        ) n
         WHERE l.n < 5000
    ), judged AS MATERIALIZED (
        SELECT l.tenant_id, l.action_type_id, first.status, first.due_at,
               CASE WHEN c.delete_at IS NOT NULL OR i.active IS FALSE OR i.held ?| ARRAY['*', t.name] OR EXISTS (
                        SELECT FROM public.tenants_control s
                        WHERE s.tenant_id IN (c.id, c.parent_id) AND public.holds(s)
                    ) THEN 'held'
                    WHEN e.open_until > now() OR e.disabled_at IS NOT NULL THEN 'blocked'
                    ELSE 'due' END AS state
          FROM lane l
         CROSS JOIN LATERAL (
            SELECT a.status, a.due_at FROM public.delivery_action a
             WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
               AND a.status IN ('pending', 'dispatched') AND a.due_at <= now() AND a.expires_at > now()
             ORDER BY a.due_at LIMIT 1
         ) first
          JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
          JOIN public.tenants_tenant c ON c.id = t.tenant_id
          LEFT JOIN public.integrations_partnerintegration i ON i.id = t.integration_id
          LEFT JOIN public.integrations_revisiontemplate m
            ON m.integration_id = t.integration_id AND m.revision = t.revision AND m.name = t.name
          LEFT JOIN public.delivery_endpoint e
            ON e.tenant_id = coalesce(t.partner_id, t.tenant_id)
           AND e.id = md5(
                   coalesce(t.partner_id, t.tenant_id)::text || coalesce(m.delivery_webhook, t.delivery_webhook)
               )::uuid
    ), counted AS (
        SELECT j.state, each.status FROM judged j CROSS JOIN LATERAL (
            SELECT a.status FROM public.delivery_action a
             WHERE a.tenant_id = j.tenant_id AND a.action_type_id = j.action_type_id
               AND a.status IN ('pending', 'dispatched') AND a.due_at <= now() AND a.expires_at > now()
             LIMIT 1000
        ) each
         LIMIT 100000
    )
    SELECT c.state, c.status, c.n,
           (SELECT extract(epoch FROM now() - min(j.due_at)) FROM judged j
             WHERE j.state = c.state AND j.status = c.status)::float8
      FROM (SELECT state, status, count(*) AS n FROM counted GROUP BY 1, 2) c
    UNION ALL
    SELECT 'leased', a.status, count(*), NULL
      FROM public.delivery_action a WHERE a.leased_until > now() GROUP BY a.status
    $$;

REVOKE ALL ON FUNCTION delivery_backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_backlog TO app_web;

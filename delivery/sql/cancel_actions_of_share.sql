-- Cancels up to `most` queued actions of an integration of the partner in context, which it took from a customer, and
-- returns how many. Runs with its owner's rights, because a partner sees no action of its customers.
--
-- What is in flight cannot be called back. If its receiver took it, it counts as delivered.
CREATE OR REPLACE FUNCTION cancel_actions_of_share(integration uuid, customer uuid, most int) RETURNS int
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH chosen AS MATERIALIZED (
            SELECT a.id
              FROM public.integrations_integrationshare s
              JOIN public.integrations_actiontype t
                ON t.tenant_id = s.tenant_id AND t.integration_id = s.integration_id
              JOIN public.delivery_action a
                ON a.tenant_id = t.tenant_id AND a.action_type_id = t.id AND a.status IN ('pending', 'dispatched')
             WHERE s.tenant_id = customer AND s.integration_id = integration
               AND s.partner_id = public.current_tenant() AND s.ended_at IS NOT NULL
             ORDER BY a.id LIMIT most FOR NO KEY UPDATE OF a
        ), cancelled AS (
            UPDATE public.delivery_action a SET status = 'failed', failure_reason = 'integration_unshared'
              FROM chosen c WHERE a.tenant_id = customer AND a.id = c.id
            RETURNING 1
        )
        SELECT count(*)::int FROM cancelled
    $$;

REVOKE ALL ON FUNCTION cancel_actions_of_share FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_actions_of_share TO app_web;

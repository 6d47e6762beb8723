-- Cancels up to `most` queued actions of an integration of the partner in context, which it took from a customer with all
-- that was queued, and returns how many. What is beyond them a worker ends when it comes due, without sending it. Runs with
-- its owner's rights, because a partner sees no action of its customers.
--
-- What is in flight cannot be called back. If its receiver took it, it counts as delivered.
CREATE OR REPLACE FUNCTION cancel_actions_of_share(integration uuid, customer uuid, most int) RETURNS int
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH chosen AS MATERIALIZED (
            SELECT q.id
              FROM public.integrations_integrationshare s
              JOIN public.integrations_actiontype t
                ON t.tenant_id = s.tenant_id AND t.integration_id = s.integration_id
             -- By the index of what is due, type by type.
             CROSS JOIN LATERAL (
                SELECT a.id FROM public.delivery_action a
                 WHERE a.tenant_id = t.tenant_id AND a.action_type_id = t.id AND a.status IN ('pending', 'dispatched')
                 ORDER BY a.due_at LIMIT most
             ) q
             WHERE s.tenant_id = customer AND s.integration_id = integration
               AND s.partner_id = public.current_tenant() AND s.cancelled_at >= s.ended_at
             LIMIT most
        ), locked AS MATERIALIZED (
            SELECT a.id FROM public.delivery_action a
             WHERE a.tenant_id = customer AND a.id = ANY (ARRAY(SELECT c.id FROM chosen c))
               AND a.status IN ('pending', 'dispatched')
             ORDER BY a.id FOR NO KEY UPDATE
        ), cancelled AS (
            UPDATE public.delivery_action a SET status = 'failed', failure_reason = 'integration_unshared'
             WHERE a.tenant_id = customer AND a.id = ANY (ARRAY(SELECT l.id FROM locked l))
            RETURNING 1
        )
        SELECT count(*)::int FROM cancelled
    $$;

REVOKE ALL ON FUNCTION cancel_actions_of_share FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_actions_of_share TO app_web;

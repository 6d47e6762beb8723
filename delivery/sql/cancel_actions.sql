-- Cancels up to `most` actions of a tenant that is being deleted, and returns how many. Runs with its owner's rights,
-- because the partner that deletes or restores a customer sees none of its actions, and staff change none.
--
-- What is in flight cannot be called back. If its receiver took it, it counts as delivered.
CREATE OR REPLACE FUNCTION cancel_actions(tenant uuid, most int) RETURNS int
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH chosen AS MATERIALIZED (
            SELECT a.id FROM public.delivery_action a
             WHERE a.tenant_id = cancel_actions.tenant AND a.status IN ('pending', 'dispatched')
               AND EXISTS (
                   SELECT FROM public.tenants_tenant t
                   WHERE t.id = cancel_actions.tenant AND t.plan_status = 'deleting'
               )
             ORDER BY a.id LIMIT most FOR NO KEY UPDATE OF a
        ), cancelled AS (
            UPDATE public.delivery_action a SET status = 'failed', failure_reason = 'tenant_deleting'
              FROM chosen c WHERE a.tenant_id = cancel_actions.tenant AND a.id = c.id
            RETURNING 1
        )
        SELECT count(*)::int FROM cancelled
    $$;

REVOKE ALL ON FUNCTION cancel_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_actions TO app_web, app_staff;

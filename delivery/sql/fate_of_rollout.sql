-- What became of actions that were decided under the revision of a roll-out of the partner in context, for customers that
-- it moved: how many were tried, and how many of them failed so far. An attempt that is under way is none yet.
--
-- Runs with its owner's rights, because a partner sees no action of its customers. Of each customer it looks at the newest
-- 100 actions, and at 20,000 in all, so that it costs a fraction of a second at most.
CREATE OR REPLACE FUNCTION fate_of_rollout(rollout text, OUT tried int, OUT failed int)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*)::int, (count(*) FILTER (WHERE x.failed))::int
          FROM (
            SELECT x.failed
              FROM public.integrations_rollout r
              JOIN public.integrations_rolloutcustomer c
                ON c.rollout_id = r.id AND c.moved_at IS NOT NULL AND c.returned_at IS NULL
             CROSS JOIN LATERAL (
                SELECT a.status NOT IN ('delivered', 'completed') AS failed
                  FROM public.delivery_action a
                  JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
                 WHERE a.tenant_id = c.tenant_id AND a.created_at >= r.created_at AND a.revision = r.revision
                   AND t.integration_id = r.integration_id AND a.attempts > 0 AND a.leased_until IS NULL
                 ORDER BY a.created_at DESC LIMIT 100
             ) x
             WHERE r.id = fate_of_rollout.rollout AND r.tenant_id = public.current_tenant()
             LIMIT 20000
          ) x
    $$;

REVOKE ALL ON FUNCTION fate_of_rollout FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fate_of_rollout TO app_worker;

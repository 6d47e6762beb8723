-- What became of actions that were decided under the revision of a roll-out of the partner in context, for customers that
-- it moved: how many were tried, how many of them failed so far, and how many were tried for customers that it moved in its
-- present stage. An attempt that is under way is none yet.
--
-- Runs with its owner's rights, because a partner sees no action of its customers. It is a sample where there is much: of
-- the 10,000 customers that were moved last, the newest 200 actions of each, and 40,000 in all, whatever they are of. So it
-- reads a bounded number of rows, however many actions a customer has.
CREATE OR REPLACE FUNCTION fate_of_rollout(rollout text, OUT tried int, OUT failed int, OUT tried_in_stage int)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH r AS MATERIALIZED (
            SELECT r.id, r.integration_id, r.revision, r.created_at, r.stage_began_at FROM public.integrations_rollout r
             WHERE r.id = fate_of_rollout.rollout AND r.tenant_id = public.current_tenant()
        ), looked AS MATERIALIZED (
            SELECT a.tenant_id, a.action_type_id, a.revision, a.status, a.is_tried, c.moved_at
              FROM r CROSS JOIN LATERAL (
                SELECT c.tenant_id, c.moved_at FROM public.integrations_rolloutcustomer c
                 WHERE c.rollout_id = r.id AND c.revision_before IS NOT NULL AND c.returned_at IS NULL
                 ORDER BY c.moved_at DESC LIMIT 10000
              ) c CROSS JOIN LATERAL (
                SELECT a.tenant_id, a.action_type_id, a.revision, a.status,
                       a.attempts > 0 AND a.leased_until IS NULL AS is_tried
                  FROM public.delivery_action a
                 -- As the index `action_listed` has them, and no other: an equality would let the planner read by time
                 -- over all tenants.
                 WHERE (a.tenant_id, a.created_at) >= (c.tenant_id, r.created_at) AND a.tenant_id <= c.tenant_id
                 ORDER BY a.tenant_id DESC, a.created_at DESC LIMIT 200
              ) a
             LIMIT 40000
        )
        SELECT count(*)::int, (count(*) FILTER (WHERE l.status NOT IN ('delivered', 'completed')))::int,
               (count(*) FILTER (WHERE l.moved_at >= coalesce(r.stage_began_at, r.created_at)))::int
          FROM r CROSS JOIN looked l
         WHERE l.is_tried AND l.revision = r.revision AND EXISTS (
            SELECT FROM public.integrations_actiontype t
             WHERE t.tenant_id = l.tenant_id AND t.id = l.action_type_id AND t.integration_id = r.integration_id
         )
    $$;

REVOKE ALL ON FUNCTION fate_of_rollout FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fate_of_rollout TO app_worker;

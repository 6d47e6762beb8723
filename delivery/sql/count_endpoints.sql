-- Counts what waits for each endpoint, and how many customers have actions that wait there or that failed there and could
-- be sent again. Writes the counts that changed into delivery_endpoint and returns how many endpoints those are. Rows that
-- somebody holds are left to the next count.
--
-- As in delivery_backlog, lanes are found by jumping through the index `action_due`. The function looks at 50,000 lanes
-- at most, and counts 10,000 actions in each, 200,000 in all, and as many that failed. Beyond that, counts are lower
-- bounds.
CREATE OR REPLACE FUNCTION count_endpoints(OUT changed int)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
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
             WHERE l.n < 50000
        ), waits AS (
            SELECT l.tenant_id, l.action_type_id, each.revision FROM lane l CROSS JOIN LATERAL (
                SELECT a.revision FROM public.delivery_action a
                 WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
                   AND a.status IN ('pending', 'dispatched') AND a.expires_at > now()
                 LIMIT 10000
            ) each
             LIMIT 200000
        ), failed AS (
            SELECT a.tenant_id, a.action_type_id, a.revision, a.failure_reason FROM public.delivery_action a
             WHERE a.status = 'failed' AND a.expires_at > now() ORDER BY a.expires_at LIMIT 200000
        ), of_lane AS (
            SELECT tenant_id, action_type_id, revision, count(*) AS waiting FROM waits GROUP BY 1, 2, 3
            UNION ALL
            SELECT tenant_id, action_type_id, revision, 0 FROM failed
             WHERE failure_reason IN ('attempts_exhausted', 'endpoint_gone', 'internal_error') GROUP BY 1, 2, 3
        ), counted AS MATERIALIZED (
            SELECT t.partner_id AS tenant_id,
                   md5(t.partner_id::text || coalesce(m.delivery_webhook, t.delivery_webhook))::uuid AS id,
                   sum(l.waiting)::int AS waiting, count(DISTINCT l.tenant_id)::int AS customers
              FROM of_lane l
              JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
              LEFT JOIN public.integrations_revisiontemplate m
                ON m.integration_id = t.integration_id AND m.revision = coalesce(l.revision, t.revision) AND m.name = t.name
             WHERE t.partner_id IS NOT NULL GROUP BY 1, 2
        ), known AS (
            SELECT c.tenant_id, c.id FROM counted c
            UNION
            SELECT e.tenant_id, e.id FROM public.delivery_endpoint e WHERE e.waiting > 0 OR e.customers_affected > 0
        ), locked AS MATERIALIZED (
            SELECT e.tenant_id, e.id, coalesce(c.waiting, 0) AS waiting, coalesce(c.customers, 0) AS customers
              FROM known k
              JOIN public.delivery_endpoint e ON e.tenant_id = k.tenant_id AND e.id = k.id
              LEFT JOIN counted c ON c.tenant_id = k.tenant_id AND c.id = k.id
             WHERE (e.waiting, e.customers_affected) IS DISTINCT FROM (coalesce(c.waiting, 0), coalesce(c.customers, 0))
               FOR NO KEY UPDATE OF e SKIP LOCKED
        )
        UPDATE public.delivery_endpoint e
           SET waiting = l.waiting, customers_affected = l.customers, counted_at = now()
          FROM locked l
         WHERE e.tenant_id = l.tenant_id AND e.id = l.id;
        GET DIAGNOSTICS changed = ROW_COUNT;
    END
    $$;

REVOKE ALL ON FUNCTION count_endpoints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_endpoints TO app_worker;

-- Leases due deliveries of events to a worker, for all webhooks. Returns their ids, and whether their endpoint is
-- failing or slow.
--
-- This is `claim_actions`, whose words it uses, with a webhook as a lane: lanes are found by jumping through the index
-- `webhook_delivery_due`, beginning at a random one, and take turns; one endpoint, slow endpoints and the owner of many
-- have the same bounds. A lane is held while its webhook is off, as it is after a 410, or its partner is suspended or
-- being deleted. Events have places of their own, so they take none from actions.
CREATE OR REPLACE FUNCTION claim_deliveries(
    wanted int, per_endpoint int, slow_wanted int, per_slow_endpoint int, lease_seconds int, slow_seconds float8
)
    RETURNS TABLE (tenant_id uuid, webhook_id text, event_id text, is_failing boolean, is_slow boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        start text := 'wh_' || md5(random()::text);
        moment timestamptz;
        workers int;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.claim_deliveries'));
        moment := clock_timestamp();
        workers := greatest(1, (
            SELECT count(*) FROM public.tenants_workerprocess w WHERE w.seen_at > moment - interval '1 minute'
        ));
        RETURN QUERY
        WITH RECURSIVE after AS (
            (SELECT d.webhook_id FROM public.delivery_webhookdelivery d
              WHERE d.status = 'pending' AND d.webhook_id > start ORDER BY 1 LIMIT 1)
            UNION ALL
            SELECT n.webhook_id FROM after l CROSS JOIN LATERAL (
                SELECT d.webhook_id FROM public.delivery_webhookdelivery d
                 WHERE d.status = 'pending' AND d.webhook_id > l.webhook_id ORDER BY 1 LIMIT 1
            ) n
        ), before AS (
            (SELECT d.webhook_id FROM public.delivery_webhookdelivery d
              WHERE d.status = 'pending' AND d.webhook_id <= start ORDER BY 1 LIMIT 1)
            UNION ALL
            SELECT n.webhook_id FROM before l CROSS JOIN LATERAL (
                SELECT d.webhook_id FROM public.delivery_webhookdelivery d
                 WHERE d.status = 'pending' AND d.webhook_id > l.webhook_id AND d.webhook_id <= start
                 ORDER BY 1 LIMIT 1
            ) n
        ), busy AS MATERIALIZED (
            SELECT w.tenant_id AS owner_id, md5(w.tenant_id::text || w.url)::uuid AS endpoint_id, count(*) AS n,
                   bool_or(d.leased_until < moment + make_interval(secs => lease_seconds - slow_seconds)) AS is_slow
              FROM public.delivery_webhookdelivery d JOIN public.delivery_webhook w ON w.id = d.webhook_id
             WHERE d.leased_until > moment GROUP BY 1, 2
        ), busy_owner AS MATERIALIZED (
            SELECT b.owner_id, coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NULL), 0)::int AS n,
                   coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NOT NULL OR b.is_slow), 0)::int AS slow
              FROM busy b LEFT JOIN public.delivery_endpoint e ON e.tenant_id = b.owner_id AND e.id = b.endpoint_id
             GROUP BY 1
        ), lane AS MATERIALIZED (
            SELECT l.webhook_id, o.owner_id, o.endpoint_id, s.is_failing, s.is_slow, s.room, s.owners_room
              FROM (SELECT * FROM after UNION ALL SELECT * FROM before) l
             CROSS JOIN LATERAL (
                SELECT 1 FROM public.delivery_webhookdelivery d
                 WHERE d.webhook_id = l.webhook_id AND d.status = 'pending' AND d.due_at <= moment
                 ORDER BY d.due_at LIMIT 1
             ) due
             CROSS JOIN LATERAL (
                SELECT w.tenant_id AS owner_id, md5(w.tenant_id::text || w.url)::uuid AS endpoint_id
                  FROM public.delivery_webhook w JOIN public.tenants_tenant t ON t.id = w.tenant_id
                 WHERE w.id = l.webhook_id AND w.active AND t.plan_status = 'active' LIMIT 1
             ) o
              LEFT JOIN busy b ON b.owner_id = o.owner_id AND b.endpoint_id = o.endpoint_id
              LEFT JOIN busy_owner w ON w.owner_id = o.owner_id
              LEFT JOIN LATERAL (
                SELECT e.open_until, e.openings, e.consecutive_failures, e.slow_since
                  FROM public.delivery_endpoint e
                 WHERE e.tenant_id = o.owner_id AND e.id = o.endpoint_id LIMIT 1
             ) e ON true
             CROSS JOIN LATERAL (
                SELECT coalesce(e.consecutive_failures > 0, false) AS is_failing,
                       e.slow_since IS NOT NULL OR b.is_slow IS TRUE AS is_slow
             ) f
             CROSS JOIN LATERAL (
                SELECT f.*,
                    CASE WHEN e.openings > 0 THEN 1 WHEN f.is_slow THEN per_slow_endpoint ELSE per_endpoint END
                        - coalesce(b.n, 0) AS room, CASE
                    WHEN f.is_slow THEN least(slow_wanted, 4 * per_slow_endpoint * workers - coalesce(w.slow, 0))
                    ELSE 4 * per_endpoint * workers - coalesce(w.n, 0)
                END AS owners_room
             ) s
             WHERE s.room > 0 AND s.owners_room > 0 AND (e.open_until IS NULL OR e.open_until <= moment)
             LIMIT 64
        ), candidate AS (
            SELECT l.*, d.event_id, row_number() OVER (PARTITION BY l.webhook_id ORDER BY d.due_at) AS turn
              FROM lane l CROSS JOIN LATERAL (
                SELECT n.event_id, n.due_at FROM public.delivery_webhookdelivery n
                 WHERE n.webhook_id = l.webhook_id AND n.status = 'pending' AND n.due_at <= moment
                 ORDER BY n.due_at LIMIT l.room
              ) d
        ), placed AS (
            SELECT c.*, row_number() OVER (PARTITION BY c.owner_id, c.endpoint_id ORDER BY c.turn) AS place
              FROM candidate c
        ), shared AS (
            SELECT p.*,
                   row_number() OVER (PARTITION BY p.owner_id, p.is_slow ORDER BY p.turn) AS owners_place
              FROM placed p WHERE p.place <= p.room
        ), allowed AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.is_slow ORDER BY s.turn) AS pace_place
              FROM shared s WHERE s.owners_place <= s.owners_room
        ), chosen AS (
            SELECT * FROM allowed a
             WHERE NOT a.is_slow OR a.pace_place <= slow_wanted
             ORDER BY a.turn LIMIT wanted
        ), locked AS (
            SELECT d.webhook_id, d.event_id, c.is_failing, c.is_slow
              FROM public.delivery_webhookdelivery d
              JOIN chosen c ON c.webhook_id = d.webhook_id AND c.event_id = d.event_id
             WHERE d.status = 'pending' AND d.due_at <= moment
               FOR NO KEY UPDATE OF d SKIP LOCKED
        )
        UPDATE public.delivery_webhookdelivery d
           SET attempts = d.attempts + 1,
               leased_until = moment + make_interval(secs => lease_seconds),
               due_at = moment + make_interval(secs => lease_seconds)
          FROM locked l WHERE d.webhook_id = l.webhook_id AND d.event_id = l.event_id
        RETURNING d.tenant_id, d.webhook_id::text, d.event_id::text, l.is_failing, l.is_slow;
    END
    $$;

REVOKE ALL ON FUNCTION claim_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_deliveries TO app_worker;

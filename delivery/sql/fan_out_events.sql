-- Hands partners' events out to their webhooks: makes deliveries of the events that come next for the readers that are
-- behind, at most 128 for each of 16 of them, and returns how many events it passed. Readers that another worker holds
-- are left to it.
--
-- `number_event` numbers events without gaps in the order of commits, so what lies up to the head of a feed is all there.
-- An event about a webhook is not sent to that webhook, except for a test, which is sent to no other. An event that is
-- replayed has the whole schedule before it again.
CREATE OR REPLACE FUNCTION fan_out_events(OUT passed int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        WITH behind AS MATERIALIZED (
            SELECT r.id, r.tenant_id, r.webhook_id, r.seq, r.until_seq, r.types, w.types AS webhooks_types,
                   least(r.until_seq, h.seq) AS goal
              FROM public.delivery_webhookreader r
              JOIN public.delivery_webhook w ON w.id = r.webhook_id AND w.active
              JOIN public.tenants_eventhead h ON h.tenant_id = r.tenant_id
             WHERE r.completed_at IS NULL AND r.seq < least(r.until_seq, h.seq)
             ORDER BY random() LIMIT 16 FOR NO KEY UPDATE OF r SKIP LOCKED
        ), event AS MATERIALIZED (
            SELECT b.id AS reader_id, b.tenant_id, b.webhook_id, e.id, e.seq,
                   CASE WHEN e.data->>'webhook_id' = b.webhook_id THEN e.type = 'webhook.tested'
                        ELSE e.type <> 'webhook.tested' AND (e.type = ANY (b.webhooks_types)) IS NOT FALSE
                             AND (e.type = ANY (b.types)) IS NOT FALSE END AS is_sent
              FROM behind b CROSS JOIN LATERAL (
                SELECT n.id, n.seq, n.type, n.data FROM public.tenants_partnerevent n
                 WHERE n.tenant_id = b.tenant_id AND n.seq > b.seq AND n.seq <= b.goal ORDER BY n.seq LIMIT 128
              ) e
        ), made AS (
            INSERT INTO public.delivery_webhookdelivery AS d
                (tenant_id, webhook_id, event_id, status, attempts, replayed_from)
            SELECT DISTINCT ON (e.webhook_id, e.id) e.tenant_id, e.webhook_id, e.id, 'pending', 0, 0
              FROM event e WHERE e.is_sent
            ON CONFLICT (webhook_id, event_id) DO UPDATE
               SET status = 'pending', due_at = now(), replayed_from = d.attempts, failure_reason = '',
                   delivered_at = NULL
             WHERE d.status <> 'pending'
        ), moved AS (
            SELECT b.id, b.until_seq, coalesce(max(e.seq) FILTER (WHERE n.events = 128), b.goal) AS seq,
                   count(*) FILTER (WHERE e.is_sent) AS sent, n.events
              FROM behind b
             CROSS JOIN LATERAL (SELECT count(*) AS events FROM event c WHERE c.reader_id = b.id) n
              LEFT JOIN event e ON e.reader_id = b.id
             GROUP BY b.id, b.until_seq, b.goal, n.events
        ), kept AS (
            UPDATE public.delivery_webhookreader r
               SET seq = greatest(r.seq, m.seq), events = r.events + m.sent,
                   completed_at = CASE WHEN m.seq >= m.until_seq THEN now() END
              FROM moved m WHERE r.id = m.id
        )
        SELECT coalesce(sum(m.events), 0) FROM moved m INTO passed;
    END
    $$;

REVOKE ALL ON FUNCTION fan_out_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fan_out_events TO app_worker;

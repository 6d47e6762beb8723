-- Hands partners' events out to their webhooks: makes deliveries of the events that come next for the readers that are
-- behind, at most 128 for each of 16 of them. Returns for each reader how many events it passed. Readers that another
-- worker holds are left to it, and those of a partner that is being deleted rest.
--
-- A reader whose deliveries cannot be made is returned with the SQLSTATE as its `fault`, and rests for a minute: it keeps
-- no other from going on.
--
-- `number_event` numbers events without gaps in the order of commits, so what lies up to the head of a feed is all there.
-- An event about a webhook is not sent to that webhook, except for a test, which is sent to no other. An event that is
-- replayed has the whole schedule before it again.
CREATE OR REPLACE FUNCTION hand_out_events()
    RETURNS TABLE (tenant_id uuid, reader_id text, passed int, fault text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        reader record;
    BEGIN
        FOR reader IN
            SELECT r.id, r.tenant_id, r.webhook_id, r.seq, r.until_seq, r.types, w.types AS webhooks_types,
                   least(r.until_seq, h.seq) AS goal
              FROM public.delivery_webhookreader r
              JOIN public.delivery_webhook w ON w.id = r.webhook_id AND w.active
              JOIN public.tenants_eventhead h ON h.tenant_id = r.tenant_id
              JOIN public.tenants_tenant p ON p.id = r.tenant_id AND p.delete_at IS NULL
             WHERE r.completed_at IS NULL AND r.seq < least(r.until_seq, h.seq)
               AND (r.rests_until IS NULL OR r.rests_until <= now())
             ORDER BY random() LIMIT 16 FOR NO KEY UPDATE OF r SKIP LOCKED
        LOOP
            passed := 0;
            fault := NULL;
            BEGIN
                WITH event AS MATERIALIZED (
                    SELECT n.id, n.seq,
                           CASE WHEN n.data->>'webhook_id' = reader.webhook_id THEN n.type = 'webhook.tested'
                                ELSE n.type <> 'webhook.tested' AND (n.type = ANY (reader.webhooks_types)) IS NOT FALSE
                                     AND (n.type = ANY (reader.types)) IS NOT FALSE END AS is_sent
                      FROM public.tenants_partnerevent n
                     WHERE n.tenant_id = reader.tenant_id AND n.seq > reader.seq AND n.seq <= reader.goal
                     ORDER BY n.seq LIMIT 128
                ), made AS (
                    INSERT INTO public.delivery_webhookdelivery AS d
                        (tenant_id, webhook_id, event_id, status, attempts, replayed_from)
                    SELECT reader.tenant_id, reader.webhook_id, e.id, 'pending', 0, 0 FROM event e WHERE e.is_sent
                    ON CONFLICT (webhook_id, event_id) DO UPDATE
                       SET status = 'pending', due_at = now(), replayed_from = d.attempts, failure_reason = '',
                           delivered_at = NULL
                     WHERE d.status <> 'pending'
                ), seen AS (
                    SELECT count(*) AS events, count(*) FILTER (WHERE e.is_sent) AS sent,
                           CASE WHEN count(*) = 128 THEN max(e.seq) ELSE reader.goal END AS seq
                      FROM event e
                ), kept AS (
                    UPDATE public.delivery_webhookreader r
                       SET seq = greatest(r.seq, s.seq), events = r.events + s.sent, rests_until = NULL,
                           completed_at = CASE WHEN s.seq >= reader.until_seq THEN now() END
                      FROM seen s WHERE r.id = reader.id
                )
                SELECT s.events FROM seen s INTO passed;
            EXCEPTION WHEN OTHERS THEN
                passed := 0;
                fault := SQLSTATE;
                UPDATE public.delivery_webhookreader r SET rests_until = clock_timestamp() + interval '1 minute'
                 WHERE r.id = reader.id;
            END;
            tenant_id := reader.tenant_id;
            reader_id := reader.id;
            RETURN NEXT;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION hand_out_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hand_out_events TO app_worker;

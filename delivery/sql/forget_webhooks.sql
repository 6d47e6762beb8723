-- Deletes what was sent to webhooks that are deleted, at most 1,000 deliveries at a time with their attempts, and the
-- webhooks of which nothing is left. Returns how many deliveries those were.
CREATE OR REPLACE FUNCTION forget_webhooks(OUT forgotten int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        DELETE FROM public.delivery_webhookdelivery d WHERE d.ctid = ANY (ARRAY(
            SELECT o.ctid FROM public.delivery_webhook w
              JOIN public.delivery_webhookdelivery o ON o.webhook_id = w.id
             WHERE w.deleted_at IS NOT NULL LIMIT 1000 FOR UPDATE OF o SKIP LOCKED
        ));
        GET DIAGNOSTICS forgotten = ROW_COUNT;
        IF forgotten < 1000 THEN
            DELETE FROM public.delivery_webhook w
             WHERE w.deleted_at IS NOT NULL
               AND NOT EXISTS (SELECT FROM public.delivery_webhookdelivery d WHERE d.webhook_id = w.id);
        END IF;
    END
    $$;

REVOKE ALL ON FUNCTION forget_webhooks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_webhooks TO app_worker;

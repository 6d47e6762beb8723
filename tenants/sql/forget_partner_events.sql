-- Deletes the events of all partners that are older than 90 days, at most 1,000 at a time, oldest first, and returns how
-- many those were. What hangs on them goes by foreign keys.
CREATE OR REPLACE FUNCTION forget_partner_events(OUT forgotten int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        DELETE FROM public.tenants_partnerevent e WHERE e.id = ANY (ARRAY(
            SELECT o.id FROM public.tenants_partnerevent o
             WHERE o.created_at < now() - interval '90 days' ORDER BY o.created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
        ));
        GET DIAGNOSTICS forgotten = ROW_COUNT;
    END
    $$;

REVOKE ALL ON FUNCTION forget_partner_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_partner_events TO app_worker;

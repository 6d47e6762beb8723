-- Expires the overdue actions of all tenants, at most 10,000 at a time, and returns how many it expired. Actions that
-- are leased are left to their worker.
CREATE OR REPLACE FUNCTION expire_actions(OUT expired int)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        WITH late AS (
            SELECT a.tenant_id, a.id FROM public.delivery_action a
             WHERE a.status IN ('pending', 'dispatched') AND a.expires_at <= now()
               AND (a.leased_until IS NULL OR a.leased_until <= now())
             ORDER BY a.expires_at LIMIT 10000 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE public.delivery_action a SET status = 'expired', leased_until = NULL
          FROM late l WHERE a.tenant_id = l.tenant_id AND a.id = l.id;
        GET DIAGNOSTICS expired = ROW_COUNT;
    END
    $$;

REVOKE ALL ON FUNCTION expire_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expire_actions TO app_worker;

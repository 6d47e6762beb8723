-- `advance_recoveries` as workers of release 32eed929 and before call it. May be dropped when none of them runs any more.
CREATE OR REPLACE FUNCTION recover_actions(most int, pause interval)
    RETURNS TABLE (tenant_id uuid, recovery_id text, is_stopped boolean)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT a.tenant_id, a.recovery_id, a.is_stopped FROM public.advance_recoveries(most, pause) a WHERE a.fault IS NULL
    $$;

REVOKE ALL ON FUNCTION recover_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recover_actions TO app_worker;

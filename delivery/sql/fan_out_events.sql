-- `hand_out_events` as workers of release 32eed929 and before call it. May be dropped when none of them runs any more.
CREATE OR REPLACE FUNCTION fan_out_events(OUT passed int)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT coalesce(sum(h.passed), 0)::int FROM public.hand_out_events() h
    $$;

REVOKE ALL ON FUNCTION fan_out_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fan_out_events TO app_worker;

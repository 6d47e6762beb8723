-- Does all that keeps the tables of events in step with time, in one transaction: for the worker of the release before.
CREATE OR REPLACE FUNCTION maintain_events(OUT made int, OUT dropped int)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
    AS $$
    BEGIN
        made := 0;
        dropped := 0;
        WHILE public.make_event_partition() IS NOT NULL LOOP
            made := made + 1;
        END LOOP;
        WHILE public.drop_event_partition() IS NOT NULL LOOP
            dropped := dropped + 1;
        END LOOP;
        WHILE public.empty_key_ring() IS NOT NULL LOOP
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION maintain_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION maintain_events TO app_worker;

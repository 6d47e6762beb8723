-- The age in seconds that an idempotency key may have at most, by the rings that hold any; 0 where none does.
--
-- Up to three turns of two days (518,400 s) are in order: maintain_events empties the ring whose turn is next within a
-- day. A ring that is not emptied before its turn comes would make duplicates of new events.
CREATE OR REPLACE FUNCTION oldest_event_keys(OUT seconds float8)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        turn bigint := extract(epoch FROM now())::bigint / 172800;
        holds_any boolean;
    BEGIN
        FOR back IN REVERSE 2..0 LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.events_eventkey_%s)', (turn - back) % 3) INTO holds_any;
            IF holds_any THEN
                seconds := extract(epoch FROM now()) - (turn - back) * 172800;
                RETURN;
            END IF;
        END LOOP;
        seconds := 0;
    END
    $$;

REVOKE ALL ON FUNCTION oldest_event_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION oldest_event_keys TO app_rt;

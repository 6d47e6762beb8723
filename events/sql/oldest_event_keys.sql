-- Returns the age in seconds that the oldest idempotency key may have, by the ring that it is of; 0 where there is none.
--
-- In order are keys of two rings of two days, and those that empty_key_ring comes to within the hour.
CREATE OR REPLACE FUNCTION oldest_event_keys(OUT seconds float8)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        first_key uuid;
    BEGIN
        seconds := 0;
        FOR turn IN 0..3 LOOP
            EXECUTE format('SELECT key FROM public.events_storedkey_%s ORDER BY key LIMIT 1', turn) INTO first_key;
            IF first_key IS NOT NULL THEN
                -- The ring's number by the four digits in front, which public.key_ring writes.
                seconds := greatest(seconds, extract(epoch FROM now())
                    - ((('x' || left(first_key::text, 4))::bit(16)::int % 16384) * 4 + turn) * 172800);
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION oldest_event_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION oldest_event_keys TO app_web;

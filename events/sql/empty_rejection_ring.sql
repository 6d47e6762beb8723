-- Empties one partition of rejected events that holds none of today and the eight days before. Returns its name, or null
-- if there is nothing to empty.
--
-- There are ten, for ten days. Two are out of use at any time, so that this may be missed for a day.
CREATE OR REPLACE FUNCTION empty_rejection_ring() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
    AS $$
    DECLARE
        today CONSTANT int := floor(extract(epoch FROM now()) / 86400);
        partition text;
        has_rows boolean;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));
        FOR partition IN SELECT 'events_rejection_' || (today + ahead) % 10 FROM unnest(ARRAY[2, 1]) AS ahead LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', partition) INTO has_rows;
            IF has_rows THEN
                EXECUTE format('TRUNCATE public.%I', partition);
                RETURN partition;
            END IF;
        END LOOP;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION empty_rejection_ring FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empty_rejection_ring TO app_worker;

-- Empties one partition of idempotency keys that holds no key of this ring and the one before. Returns its name, or null
-- if there is nothing to empty.
--
-- Late is not wrong: keys that are left are never equal to later ones, see key_ring. The ring that is next is left alone
-- in the last hour before its turn, in which this transaction might still wait.
CREATE OR REPLACE FUNCTION empty_key_ring() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
    AS $$
    DECLARE
        ring CONSTANT int := floor(extract(epoch FROM now()) / 172800);
        ends_soon CONSTANT boolean := extract(epoch FROM now()) % 172800 > 172800 - 3600;
        partition text;
        has_keys boolean;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));
        FOR partition IN
            SELECT 'events_storedkey_' || (ring + 2) % 4
            UNION ALL SELECT 'events_storedkey_' || (ring + 1) % 4 WHERE NOT ends_soon
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', partition) INTO has_keys;
            IF has_keys THEN
                EXECUTE format('TRUNCATE public.%I', partition);
                RETURN partition;
            END IF;
        END LOOP;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION empty_key_ring FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empty_key_ring TO app_worker;

-- Drops one partition of events whose month is past its retention. Returns its name, or null if none is.
CREATE OR REPLACE FUNCTION drop_event_partition() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
    AS $$
    DECLARE
        partition text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));
        SELECT c.relname INTO partition
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.events_event'::regclass AND c.relname ~ '^events_event_\d+_\d{4}_\d{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
              < now() AT TIME ZONE 'UTC' - make_interval(days => split_part(c.relname, '_', 3)::int)
        ORDER BY right(c.relname, 7), c.relname LIMIT 1;
        IF FOUND THEN
            EXECUTE format('DROP TABLE public.%I', partition);
        END IF;
        RETURN partition;
    END
    $$;

REVOKE ALL ON FUNCTION drop_event_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_partition TO app_worker;

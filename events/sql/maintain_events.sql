-- Creates the partitions of events for the coming months, drops expired ones, and empties the next ring of event keys.
--
-- Any process may call this function, and there is no other way to create or drop partitions. Events are partitioned by
-- month and by how long they are kept, so expired events are dropped as whole partitions, and no tenant's config is
-- needed to decide which. Partitions get no policies and no grants to app_rt, which can only reach them through
-- events_event.
CREATE OR REPLACE FUNCTION maintain_events(OUT made int, OUT dropped int)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
    AS $$
    DECLARE
        classes CONSTANT int[] := ARRAY[30, 90, 365, 1095];
        kept_days int;
        first_day date;
        partition text;
        ring int;
    BEGIN
        made := 0;
        dropped := 0;
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));

        -- This month and the next three; whatever the default partition caught of them moves in.
        FOR ahead IN 0..3 LOOP
            first_day := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
            FOREACH kept_days IN ARRAY classes LOOP
                partition := 'events_event_' || kept_days || to_char(first_day, '_YYYY_MM');
                IF to_regclass('public.' || partition) IS NULL THEN
                    EXECUTE format('CREATE TABLE public.%I (LIKE public.events_event INCLUDING DEFAULTS)', partition);
                    EXECUTE format(
                        'WITH caught AS (
                            DELETE FROM public.events_event_default WHERE month = %L AND retention_days = %s RETURNING *
                        )
                        INSERT INTO public.%I SELECT * FROM caught',
                        first_day, kept_days, partition
                    );
                    EXECUTE format(
                        'ALTER TABLE public.events_event
                            ATTACH PARTITION public.%I FOR VALUES FROM (%L, %s) TO (%L, %s)',
                        partition, first_day, kept_days, first_day,
                        coalesce(classes[array_position(classes, kept_days) + 1]::text, 'MAXVALUE')
                    );
                    made := made + 1;
                END IF;
            END LOOP;
        END LOOP;

        FOR partition, kept_days IN
            SELECT c.relname, split_part(c.relname, '_', 3)
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'public.events_event'::regclass AND c.relname ~ '^events_event_\d+_\d{4}_\d{2}$'
        LOOP
            first_day := to_date(right(partition, 7), 'YYYY_MM');
            IF first_day + interval '1 month' < now() AT TIME ZONE 'UTC' - make_interval(days => kept_days) THEN
                EXECUTE format('DROP TABLE public.%I', partition);
                dropped := dropped + 1;
            END IF;
        END LOOP;

        -- The ring whose turn is next, unless that turn is about to come.
        IF extract(epoch FROM now())::bigint % 172800 < 172800 - 3600 THEN
            ring := (extract(epoch FROM now())::bigint / 172800 + 1) % 3;
            EXECUTE format('TRUNCATE public.events_eventkey_%s', ring);
        END IF;
    END
    $$;

REVOKE ALL ON FUNCTION maintain_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION maintain_events TO app_rt;

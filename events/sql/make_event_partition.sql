-- Creates one partition of events that is missing for this month or the next three. Returns its name, or null if none
-- is missing.
--
-- Any worker may call this function, and there is no other way to create partitions. Events are partitioned by month
-- and by how long they are kept, so that expired events are dropped as whole partitions. Partitions get no policies and
-- no grants to app_web or app_worker, which can only reach them through events_event.
CREATE OR REPLACE FUNCTION make_event_partition() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
    AS $$
    DECLARE
        classes CONSTANT int[] := ARRAY[30, 90, 365, 1095];
        kept_days int;
        first_day date;
        partition text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));
        SELECT month::date, class, name INTO first_day, kept_days, partition
        FROM generate_series(0, 3) AS ahead,
            LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)) AS m (month),
            unnest(classes) AS class,
            LATERAL (SELECT 'events_event_' || class || to_char(month, '_YYYY_MM')) AS n (name)
        WHERE to_regclass('public.' || name) IS NULL
        ORDER BY month, class LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.events_event INCLUDING DEFAULTS)', partition);
        -- What the default partition caught of the month moves in.
        EXECUTE format(
            'WITH caught AS (
                DELETE FROM public.events_event_default WHERE month = %L AND retention_days = %s RETURNING *
            )
            INSERT INTO public.%I SELECT * FROM caught',
            first_day, kept_days, partition
        );
        -- Not an index of events_event: partitions of before have another, see decision 0011.
        EXECUTE format('CREATE INDEX ON public.%I (tenant_id, user_id)', partition);
        EXECUTE format(
            'ALTER TABLE public.events_event ATTACH PARTITION public.%I FOR VALUES FROM (%L, %s) TO (%L, %s)',
            partition, first_day, kept_days, first_day,
            coalesce(classes[array_position(classes, kept_days) + 1]::text, 'MAXVALUE')
        );
        RETURN partition;
    END
    $$;

REVOKE ALL ON FUNCTION make_event_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_event_partition TO app_worker;

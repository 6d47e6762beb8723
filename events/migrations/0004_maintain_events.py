"""The one function that makes and drops partitions: any process may call it, none may do it otherwise."""

from django.db import migrations

_FUNCTION = """
    CREATE FUNCTION maintain_events(OUT made int, OUT dropped int) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
    AS $$
    DECLARE
        first_day date;
        partition text;
        kept_days int;
        ring int;
    BEGIN
        made := 0;
        dropped := 0;
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));

        -- This month and the next three; whatever the default partition caught of them moves in.
        FOR ahead IN 0..3 LOOP
            first_day := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
            partition := 'events_event_' || to_char(first_day, 'YYYY_MM');
            IF to_regclass('public.' || partition) IS NULL THEN
                EXECUTE format('CREATE TABLE public.%I (LIKE public.events_event INCLUDING DEFAULTS)', partition);
                EXECUTE format(
                    'WITH caught AS (DELETE FROM public.events_event_default
                        WHERE received_at >= %1$L AND received_at < %2$L RETURNING *)
                     INSERT INTO public.%3$I SELECT * FROM caught',
                    first_day || ' UTC', (first_day + interval '1 month')::date || ' UTC', partition
                );
                EXECUTE format(
                    'ALTER TABLE public.events_event ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                    partition, first_day || ' UTC', (first_day + interval '1 month')::date || ' UTC'
                );
                made := made + 1;
            END IF;
        END LOOP;

        -- A month goes when no tenant keeps events that long any more.
        SELECT max(CASE WHEN jsonb_typeof(config -> 'retention_days') = 'number'
                        THEN least((config ->> 'retention_days')::numeric, 36500)::int
                        ELSE CASE plan_tier WHEN 'starter' THEN 90 WHEN 'growth' THEN 365 ELSE 730 END END)
          INTO kept_days FROM public.tenants_tenant;
        FOR partition IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'public.events_event'::regclass AND c.relname ~ '^events_event_\\d{4}_\\d{2}$'
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
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_isolation")]

    operations = [
        migrations.RunSQL(
            sql=[
                _FUNCTION,
                "REVOKE ALL ON FUNCTION maintain_events FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION maintain_events TO app_rt",
                "SELECT maintain_events()",
            ],
            reverse_sql="DROP FUNCTION maintain_events",
        ),
    ]

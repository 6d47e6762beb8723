"""Events lie in partitions by how long they are kept, and below that by month: what is past its time is dropped whole.

What was there before becomes the longest class. `maintain_events()` then needs no tenant's config to know what goes.
"""

from importlib import import_module
from typing import Any

from django.db import migrations

from retivo.rls import isolate

_CLASSES = (30, 90, 365, 1095)
_OLD_FUNCTION = import_module("events.migrations.0004_maintain_events")._FUNCTION

_RENAME_PARTITIONS = """
    DO $$
    DECLARE
        partition text;
    BEGIN
        FOR partition IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'events_event'::regclass
        LOOP
            EXECUTE format('ALTER TABLE %I RENAME TO %I', partition, replace(partition, '{old}', '{new}'));
        END LOOP;
    END
    $$
"""

_SPLIT: list[Any] = [
    _RENAME_PARTITIONS.format(old="events_event_", new="events_event_1095_"),
    "REVOKE ALL ON events_event FROM app_rt",
    "DROP POLICY staff ON events_event",
    "DROP POLICY tenant_isolation ON events_event",
    "ALTER TABLE events_event ADD COLUMN retention_days smallint NOT NULL DEFAULT 1095",
    "ALTER TABLE events_event RENAME TO events_event_1095",
    "ALTER INDEX event_of_user RENAME TO event_of_user_1095",
    "ALTER INDEX event_received RENAME TO event_received_1095",
    """
    CREATE TABLE events_event (
        retention_days smallint NOT NULL,
        tenant_id uuid NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        timestamp timestamptz NOT NULL,
        user_id text NOT NULL,
        name text NOT NULL,
        original_name text,
        source text NOT NULL,
        properties jsonb NOT NULL
    ) PARTITION BY LIST (retention_days)
    """,
    "CREATE INDEX event_of_user ON events_event (tenant_id, user_id, timestamp)",
    "CREATE INDEX event_received ON events_event USING brin (received_at)",
    "ALTER TABLE events_event ATTACH PARTITION events_event_1095 FOR VALUES IN (1095)",
    *(
        statement
        for kept in _CLASSES[:-1]
        for statement in (
            f"CREATE TABLE events_event_{kept} PARTITION OF events_event FOR VALUES IN ({kept})"
            " PARTITION BY RANGE (received_at)",
            f"CREATE TABLE events_event_{kept}_default PARTITION OF events_event_{kept} DEFAULT",
        )
    ),
]

_COLUMNS = "tenant_id, received_at, timestamp, user_id, name, original_name, source, properties"

_JOIN: list[Any] = [
    "ALTER TABLE events_event DETACH PARTITION events_event_1095",
    f"INSERT INTO events_event_1095 ({_COLUMNS}) SELECT {_COLUMNS} FROM events_event",
    "DROP TABLE events_event",
    "ALTER INDEX event_received_1095 RENAME TO event_received",
    "ALTER INDEX event_of_user_1095 RENAME TO event_of_user",
    "ALTER TABLE events_event_1095 RENAME TO events_event",
    "ALTER TABLE events_event DROP COLUMN retention_days",
    "CREATE POLICY staff ON events_event TO app_staff USING (true) WITH CHECK (true)",
    "CREATE POLICY tenant_isolation ON events_event TO app_rt"
    " USING (tenant_id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)",
    "GRANT SELECT, INSERT, DELETE ON events_event TO app_rt",
    _RENAME_PARTITIONS.format(old="events_event_1095_", new="events_event_"),
]

_FUNCTION = """
    CREATE OR REPLACE FUNCTION maintain_events(OUT made int, OUT dropped int) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
    AS $$
    DECLARE
        kept_days int;
        class text;
        first_day date;
        partition text;
        ring int;
    BEGIN
        made := 0;
        dropped := 0;
        PERFORM pg_advisory_xact_lock(hashtext('retivo.maintain_events'));

        FOREACH kept_days IN ARRAY ARRAY[30, 90, 365, 1095] LOOP
            class := 'events_event_' || kept_days;

            -- This month and the next three; whatever the default partition caught of them moves in.
            FOR ahead IN 0..3 LOOP
                first_day := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
                partition := class || to_char(first_day, '_YYYY_MM');
                IF to_regclass('public.' || partition) IS NULL THEN
                    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS)', partition, class);
                    EXECUTE format(
                        'WITH caught AS (DELETE FROM public.%I WHERE received_at >= %L AND received_at < %L RETURNING *)
                         INSERT INTO public.%I SELECT * FROM caught',
                        class || '_default', first_day || ' UTC', (first_day + interval '1 month')::date || ' UTC',
                        partition
                    );
                    EXECUTE format(
                        'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                        class, partition, first_day || ' UTC', (first_day + interval '1 month')::date || ' UTC'
                    );
                    made := made + 1;
                END IF;
            END LOOP;

            FOR partition IN
                SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = ('public.' || class)::regclass AND c.relname ~ '_\\d{4}_\\d{2}$'
            LOOP
                first_day := to_date(right(partition, 7), 'YYYY_MM');
                IF first_day + interval '1 month' < now() AT TIME ZONE 'UTC' - make_interval(days => kept_days) THEN
                    EXECUTE format('DROP TABLE public.%I', partition);
                    dropped := dropped + 1;
                END IF;
            END LOOP;
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
    dependencies = [("events", "0006_counted_month")]

    operations = [
        migrations.RunSQL(sql=_SPLIT, reverse_sql=_JOIN),
        isolate("events_event", visible="tenant_id = {tenant}", grants="SELECT, INSERT, DELETE"),
        migrations.RunSQL(
            sql=[_FUNCTION, "SELECT maintain_events()"],
            reverse_sql=_OLD_FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
    ]

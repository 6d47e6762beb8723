"""Events lie in partitions by month and by how long they are kept: what is past its time is dropped whole.

What was there before becomes the longest class. `maintain_events()` then needs no tenant's config to know what goes.
One level of partitions, because Citus distributes no more. The month is a column of its own and comes first: a
condition on it alone leaves partitions out, which one on the second column of a key does not.
"""

from importlib import import_module
from typing import Any

from django.db import migrations

from retivo.database.rls import undo_isolation
from retivo.database.sql import InForce

_OLD_FUNCTION = import_module("events.migrations.0004_maintain_events")._FUNCTION

_COLUMNS = "tenant_id, received_at, timestamp, user_id, name, original_name, source, properties"

_TABLE = """
    CREATE TABLE events_event (
        tenant_id uuid NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        timestamp timestamptz NOT NULL,
        user_id text NOT NULL,
        name text NOT NULL,
        original_name text,
        source text NOT NULL,
        properties jsonb NOT NULL
        {more}
    ) PARTITION BY RANGE ({key})
"""

_INDEXES = [
    "CREATE INDEX event_of_user ON events_event (tenant_id, user_id, timestamp)",
    "CREATE INDEX event_received ON events_event USING brin (received_at)",
]

_BY_CLASS: list[Any] = [
    "ALTER TABLE events_event ADD COLUMN retention_days smallint NOT NULL DEFAULT 1095",
    "ALTER TABLE events_event ADD COLUMN month date",
    "UPDATE events_event SET month = date_trunc('month', received_at AT TIME ZONE 'UTC')",
    "ALTER TABLE events_event ALTER COLUMN month SET NOT NULL",
    "ALTER TABLE events_event RENAME TO events_event_old",
    "ALTER INDEX event_of_user RENAME TO event_of_user_old",
    "ALTER INDEX event_received RENAME TO event_received_old",
    _TABLE.format(more=", retention_days smallint NOT NULL, month date NOT NULL", key="month, retention_days"),
    *_INDEXES,
    """
    DO $$
    DECLARE
        partition text;
        first_day date;
        renamed text;
    BEGIN
        FOR partition IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'events_event_old'::regclass ORDER BY c.relname
        LOOP
            EXECUTE format('ALTER TABLE events_event_old DETACH PARTITION %I', partition);
            EXECUTE format('ALTER TABLE %I ALTER COLUMN retention_days DROP DEFAULT', partition);
            IF partition = 'events_event_default' THEN
                ALTER TABLE events_event ATTACH PARTITION events_event_default DEFAULT;
            ELSE
                first_day := to_date(right(partition, 7), 'YYYY_MM');
                renamed := 'events_event_1095_' || right(partition, 7);
                EXECUTE format('ALTER TABLE %I RENAME TO %I', partition, renamed);
                EXECUTE format(
                    'ALTER TABLE events_event ATTACH PARTITION %I FOR VALUES FROM (%L, 1095) TO (%L, MAXVALUE)',
                    renamed, first_day, first_day
                );
            END IF;
        END LOOP;
    END
    $$
    """,
    "DROP TABLE events_event_old",
]

_BY_MONTH: list[Any] = [
    "ALTER TABLE events_event RENAME TO events_event_old",
    "ALTER TABLE events_event_default RENAME TO events_event_old_default",
    "ALTER INDEX event_of_user RENAME TO event_of_user_old",
    "ALTER INDEX event_received RENAME TO event_received_old",
    _TABLE.format(more="", key="received_at"),
    *_INDEXES,
    # The old function moves them into their months.
    "CREATE TABLE events_event_default PARTITION OF events_event DEFAULT",
    f"INSERT INTO events_event ({_COLUMNS}) SELECT {_COLUMNS} FROM events_event_old",
    "DROP TABLE events_event_old",
    "ALTER TABLE events_event ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY staff ON events_event TO app_staff USING (true) WITH CHECK (true)",
    "CREATE POLICY tenant_isolation ON events_event TO app_rt"
    " USING (tenant_id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)",
    "GRANT SELECT, INSERT, DELETE ON events_event TO app_rt",
]


_MAINTAIN_EVENTS = [
    """
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
            WHERE i.inhparent = 'public.events_event'::regclass AND c.relname ~ '^events_event_\\d+_\\d{4}_\\d{2}$'
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
    """,
    "REVOKE ALL ON FUNCTION maintain_events FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION maintain_events TO app_rt",
]


class Migration(migrations.Migration):
    dependencies = [("events", "0006_counted_month")]

    operations = [
        migrations.RunSQL(sql=_BY_CLASS, reverse_sql=_BY_MONTH),
        InForce("events", "events_event", digest="3cfc379a23c0", reverse_sql=undo_isolation("events_event")),
        migrations.RunSQL(
            sql=[*_MAINTAIN_EVENTS],
            reverse_sql=[_OLD_FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")],
        ),
        migrations.RunSQL(sql="SELECT maintain_events()", reverse_sql=migrations.RunSQL.noop),
    ]

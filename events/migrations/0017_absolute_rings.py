"""Idempotency keys know which ring they are of, by the database's clock, and a ring is emptied late without harm.

Older releases go on with events_eventkey: a trigger stores their keys in the new table, too, and takes those for
duplicates that are there. The next migration copies what was stored before.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.rls import undo_isolation
from retivo.database.sql import InForce

_FORMER_MAINTAIN_EVENTS = import_module("events.migrations.0007_retention_classes")._MAINTAIN_EVENTS

_BOUNDS = [
    "MINVALUE",
    "'40000000-0000-0000-0000-000000000000'",
    "'80000000-0000-0000-0000-000000000000'",
    "'c0000000-0000-0000-0000-000000000000'",
    "MAXVALUE",
]

_STORE_KEY = """
    CREATE OR REPLACE FUNCTION store_key() RETURNS trigger
        LANGUAGE plpgsql
        AS $$
        DECLARE
            hash CONSTANT text := key_hash(NEW.tenant_id, NEW.key);
        BEGIN
            PERFORM FROM events_storedkey WHERE key = (key_ring(now() - interval '2 days') || hash)::uuid;
            IF FOUND THEN
                RETURN NULL;
            END IF;
            INSERT INTO events_storedkey (tenant_id, key) VALUES (NEW.tenant_id, (key_ring(now()) || hash)::uuid)
                ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            RETURN NEW;
        END
        $$;

    CREATE OR REPLACE TRIGGER store_key BEFORE INSERT ON events_eventkey
        FOR EACH ROW EXECUTE FUNCTION store_key();
"""

_EMPTY_KEY_RING = """
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
            -- events_eventkey is the release before's, with three rings.
            FOR partition IN
                SELECT 'events_storedkey_' || (ring + 2) % 4
                UNION ALL SELECT 'events_storedkey_' || (ring + 1) % 4 WHERE NOT ends_soon
                UNION ALL SELECT 'events_eventkey_' || (ring + 1) % 3 WHERE NOT ends_soon
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
"""

_MAINTAIN_EVENTS = """
    CREATE OR REPLACE FUNCTION maintain_events(OUT made int, OUT dropped int)
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        SET lock_timeout = '5s'
        AS $$
        BEGIN
            made := 0;
            dropped := 0;
            WHILE public.make_event_partition() IS NOT NULL LOOP
                made := made + 1;
            END LOOP;
            WHILE public.drop_event_partition() IS NOT NULL LOOP
                dropped := dropped + 1;
            END LOOP;
            WHILE public.empty_key_ring() IS NOT NULL LOOP
            END LOOP;
        END
        $$;

    REVOKE ALL ON FUNCTION maintain_events FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION maintain_events TO app_rt;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0016_lists_of_users")]

    operations = [
        migrations.RunSQL(
            sql=[
                "CREATE TABLE events_storedkey (tenant_id uuid NOT NULL, key uuid PRIMARY KEY)"
                " PARTITION BY RANGE (key)",
                *(
                    f"CREATE TABLE events_storedkey_{turn} PARTITION OF events_storedkey"
                    f" FOR VALUES FROM ({_BOUNDS[turn]}) TO ({_BOUNDS[turn + 1]})"
                    for turn in range(4)
                ),
            ],
            reverse_sql=["DROP TABLE events_storedkey"],
        ),
        InForce("events", "events_storedkey", digest="b3daa13b301b", reverse_sql=undo_isolation("events_storedkey")),
        InForce("events", "key_ring", digest="2171764d351b", reverse_sql="DROP FUNCTION key_ring"),
        InForce("events", "key_hash", digest="fa4e46e983e7", reverse_sql="DROP FUNCTION key_hash"),
        migrations.RunSQL(
            sql=[_STORE_KEY],
            reverse_sql=["DROP TRIGGER store_key ON events_eventkey", "DROP FUNCTION store_key"],
        ),
        InForce(
            "events",
            "make_event_partition",
            digest="7838be7a3746",
            reverse_sql="DROP FUNCTION make_event_partition",
        ),
        InForce(
            "events",
            "drop_event_partition",
            digest="ab7f7c41ff9b",
            reverse_sql="DROP FUNCTION drop_event_partition",
        ),
        migrations.RunSQL(sql=[_EMPTY_KEY_RING], reverse_sql="DROP FUNCTION empty_key_ring"),
        migrations.RunSQL(sql=[_MAINTAIN_EVENTS], reverse_sql=[*_FORMER_MAINTAIN_EVENTS]),
    ]

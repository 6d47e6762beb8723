"""Each partition of events has its own index by user: from now on without the timestamp, which made every entry unique.

An index of the whole table would be made on every partition. So the partitions are taken off, the index of the table is
dropped, and they are put on again with the indexes that they have: no row is read or written, as `bounds` is checked
already. Partitions that are empty get the new index at once, the others keep theirs until they are dropped.

Users' rows leave room on their pages, so that noting activity and scores stays heap-only. It applies to pages that are
written from now on.
"""

from django.db import migrations

_INDEX_OF_EACH = """
    DO $$
    DECLARE
        partition record;
        index text;
        has_rows boolean;
    BEGIN
        LOCK TABLE events_event IN ACCESS EXCLUSIVE MODE;
        CREATE TEMP TABLE partitions ON COMMIT DROP AS
            SELECT c.oid::regclass AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'events_event'::regclass AND c.relname <> 'events_event_default';
        FOR partition IN SELECT * FROM partitions LOOP
            EXECUTE format('ALTER TABLE events_event DETACH PARTITION %s', partition.name);
        END LOOP;
        DROP INDEX event_of_user;
        CREATE INDEX IF NOT EXISTS events_event_default_of_user ON events_event_default (tenant_id, user_id);
        FOR partition IN SELECT * FROM partitions LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition.name) INTO has_rows;
            IF NOT has_rows THEN
                FOR index IN SELECT indexrelid::regclass FROM pg_index WHERE indrelid = partition.name LOOP
                    EXECUTE format('DROP INDEX %s', index);
                END LOOP;
                EXECUTE format('CREATE INDEX ON %s (tenant_id, user_id)', partition.name);
            END IF;
            EXECUTE format('ALTER TABLE events_event ATTACH PARTITION %s %s', partition.name, partition.bounds);
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS bounds', partition.name);
        END LOOP;
    END
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0019_partitions_keep_their_bounds")]

    operations = [
        migrations.RunSQL(
            sql=[_INDEX_OF_EACH],
            reverse_sql="CREATE INDEX event_of_user ON events_event (tenant_id, user_id, timestamp)",
        ),
        migrations.RunSQL(
            sql="ALTER TABLE events_trackeduser SET (fillfactor = 80)",
            reverse_sql="ALTER TABLE events_trackeduser RESET (fillfactor)",
        ),
    ]

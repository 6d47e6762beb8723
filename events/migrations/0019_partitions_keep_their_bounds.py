"""Each partition of events gets a constraint that says its bounds, checked while it is written to.

So the next migration can take the partitions off and put them on again without reading them.
"""

from django.db import migrations

# The parts are transactions of their own: a constraint is added under a short lock, and checked under one that stops
# nobody.
_ADD = """
    DO $$
    DECLARE
        partition record;
    BEGIN
        FOR partition IN
            SELECT c.oid::regclass AS name, pg_get_partition_constraintdef(c.oid) AS bounds
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'events_event'::regclass AND c.relname <> 'events_event_default'
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = 'bounds')
        LOOP
            EXECUTE format(
                'ALTER TABLE %s ADD CONSTRAINT bounds CHECK (%s) NOT VALID', partition.name, partition.bounds
            );
            COMMIT;
        END LOOP;
    END
    $$
"""

_VALIDATE = """
    DO $$
    DECLARE
        partition regclass;
    BEGIN
        FOR partition IN
            SELECT i.inhrelid FROM pg_inherits i JOIN pg_constraint k ON k.conrelid = i.inhrelid
            WHERE i.inhparent = 'events_event'::regclass AND k.conname = 'bounds' AND NOT k.convalidated
        LOOP
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT bounds', partition);
            COMMIT;
        END LOOP;
    END
    $$
"""

_DROP = """
    DO $$
    DECLARE
        partition regclass;
    BEGIN
        FOR partition IN
            SELECT i.inhrelid FROM pg_inherits i JOIN pg_constraint k ON k.conrelid = i.inhrelid
            WHERE i.inhparent = 'events_event'::regclass AND k.conname = 'bounds'
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT bounds', partition);
            COMMIT;
        END LOOP;
    END
    $$
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0018_keys_of_before")]

    operations = [
        migrations.RunSQL(sql=[_ADD], reverse_sql=[_DROP]),
        migrations.RunSQL(sql=[_VALIDATE], reverse_sql=migrations.RunSQL.noop),
    ]

"""Each partition of events has an index by the time of receipt, by which events are read back, the last ones first.

All events of a batch have one time of receipt and share an entry: 8 bytes an event in batches of 100. Partitions of
before get theirs one by one, while events are stored; those to come get it as they are attached.

The index holds all events, for each is kept for some days, but only a statement that says so may use it. Where
statistics know nothing of a tenant, PostgreSQL took it for statements that look for a few users' events, and read all
of the tenant's.
"""

from typing import Any

from django.db import migrations

_PARTITIONS = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'events_event'::regclass ORDER BY 1
"""

_INDEXED = "(tenant_id, received_at) WHERE retention_days > 0"

_IS_ATTACHED = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(%s))"


def _index(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"CREATE INDEX IF NOT EXISTS event_received ON ONLY events_event {_INDEXED}")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_PARTITIONS)
        for (partition,) in cursor.fetchall():
            index = f"{partition}_received"
            cursor.execute(_IS_ATTACHED, [index])
            if cursor.fetchone()[0]:
                continue
            schema_editor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {partition} {_INDEXED}")
            schema_editor.execute(f"ALTER INDEX event_received ATTACH PARTITION {index}")


def _drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute("DROP INDEX IF EXISTS event_received")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0028_rejections")]

    operations = [migrations.RunPython(_index, _drop)]

"""Idempotency keys know which ring they are of, by the database's clock, and a ring is emptied late without harm.

The release before goes on with events_eventkey: a trigger stores its keys in the new table, too, and takes those for
duplicates that are there. The next migration copies what was stored before.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.rls import undo_isolation
from retivo.database.sql import InForce

_MAINTAIN_EVENTS = import_module("events.migrations.0007_retention_classes")._MAINTAIN_EVENTS

_BOUNDS = [
    "MINVALUE",
    "'40000000-0000-0000-0000-000000000000'",
    "'80000000-0000-0000-0000-000000000000'",
    "'c0000000-0000-0000-0000-000000000000'",
    "MAXVALUE",
]


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
        InForce(
            "events",
            "store_key",
            digest="e2a29806df7e",
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
        InForce("events", "empty_key_ring", digest="fc4237bee26a", reverse_sql="DROP FUNCTION empty_key_ring"),
        InForce("events", "maintain_events", digest="c233db578acd", reverse_sql=[*_MAINTAIN_EVENTS]),
    ]

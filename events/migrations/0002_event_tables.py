"""Events and their idempotency keys: partitioned, and known to SQL alone.

Events lie in a partition a month, by the time of receipt, so that old ones are dropped and not deleted. They have no
primary key: nothing looks one up, and a random index would cost more than the row.

An idempotency key lives in one of three rings, each for two days at a time: a key is a duplicate if it is in this ring
or the one before, which covers two to four days; the third is emptied before its turn comes. So keys are unique
whatever an event's timestamp says, across months too, and what is forgotten is truncated and not deleted.
"""

from typing import Any

from django.db import migrations

_TABLES: list[Any] = [
    """
    CREATE TABLE events_event (
        tenant_id uuid NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        timestamp timestamptz NOT NULL,
        user_id text NOT NULL,
        name text NOT NULL,
        original_name text,
        source text NOT NULL,
        properties jsonb NOT NULL
    ) PARTITION BY RANGE (received_at)
    """,
    "CREATE INDEX event_of_user ON events_event (tenant_id, user_id, timestamp)",
    "CREATE INDEX event_received ON events_event USING brin (received_at)",
    # Holds what has no partition yet, so that a late maintenance loses nothing.
    "CREATE TABLE events_event_default PARTITION OF events_event DEFAULT",
    """
    CREATE TABLE events_eventkey (
        tenant_id uuid NOT NULL,
        idempotency_key text NOT NULL,
        ring smallint NOT NULL,
        PRIMARY KEY (tenant_id, idempotency_key, ring)
    ) PARTITION BY LIST (ring)
    """,
    *(f"CREATE TABLE events_eventkey_{ring} PARTITION OF events_eventkey FOR VALUES IN ({ring})" for ring in range(3)),
]


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.RunSQL(sql=_TABLES, reverse_sql=["DROP TABLE events_eventkey", "DROP TABLE events_event"]),
    ]

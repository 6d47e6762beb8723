"""Events that were rejected, for their senders to read what was wrong with them.

A partition holds every tenth day, and is emptied before its next turn comes, as the rings of idempotency keys are: no
row is deleted one by one, and no partition has to be made.
"""

from typing import Any

from django.db import migrations

from retivo.database.rls import undo_isolation
from retivo.database.sql import InForce

_TABLE: list[Any] = [
    """
    CREATE TABLE events_rejection (
        tenant_id uuid NOT NULL,
        ring smallint NOT NULL,
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        rejected_at timestamptz NOT NULL DEFAULT now(),
        source text NOT NULL CHECK (length(source) <= 63),
        index int NOT NULL,
        code text NOT NULL CHECK (length(code) <= 63),
        field text CHECK (length(field) <= 63),
        detail text NOT NULL CHECK (length(detail) <= 255),
        user_id text CHECK (length(user_id) <= 255),
        event text CHECK (length(event) <= 255),
        request_id text NOT NULL CHECK (length(request_id) <= 128),
        PRIMARY KEY (tenant_id, rejected_at, id, ring)
    ) PARTITION BY LIST (ring)
    """,
    *(
        f"CREATE TABLE events_rejection_{ring} PARTITION OF events_rejection FOR VALUES IN ({ring})"
        for ring in range(10)
    ),
]


class Migration(migrations.Migration):
    dependencies = [("events", "0027_traits_of_before")]

    operations = [
        migrations.RunSQL(sql=_TABLE, reverse_sql="DROP TABLE events_rejection"),
        InForce("events", "events_rejection", digest="0a4615a2dccb", reverse_sql=undo_isolation("events_rejection")),
        InForce(
            "events", "empty_rejection_ring", digest="c1f5a776cb03", reverse_sql="DROP FUNCTION empty_rejection_ring"
        ),
    ]

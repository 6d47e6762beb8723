"""The keys of the last days are copied: what was stored before the upgrade is a duplicate after it.

In a transaction of its own, so that no lock of the migration before is held meanwhile. The trigger has stored what came
since.
"""

from django.db import migrations

# Older releases number their three rings by the remainder of their number.
_COPY = """
    INSERT INTO events_storedkey (tenant_id, key)
    SELECT k.tenant_id, (ring.digits || key_hash(k.tenant_id, k.key))::uuid
    FROM (
        SELECT key_ring(stored_at), (floor(extract(epoch FROM stored_at) / 172800)::int % 3)::smallint
        FROM (VALUES (now()), (now() - interval '2 days')) AS m (stored_at)
    ) AS ring (digits, number)
    JOIN events_eventkey k ON k.ring = ring.number
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0017_absolute_rings")]

    operations = [migrations.RunSQL(sql=_COPY, reverse_sql=migrations.RunSQL.noop)]

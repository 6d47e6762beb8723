"""Of an event's idempotency key only a hash is kept: senders put users' names and addresses into their keys.

Going back forgets the keys, which are kept for days alone.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0007_retention_classes")]

    operations = [
        migrations.RunSQL(
            sql=[
                "ALTER TABLE events_eventkey RENAME COLUMN idempotency_key TO key",
                "ALTER TABLE events_eventkey ALTER COLUMN key TYPE bytea"
                " USING substring(sha256(convert_to(key, 'UTF8')) FOR 16)",
            ],
            reverse_sql=[
                "TRUNCATE events_eventkey",
                "ALTER TABLE events_eventkey ALTER COLUMN key TYPE text USING encode(key, 'hex')",
                "ALTER TABLE events_eventkey RENAME COLUMN key TO idempotency_key",
            ],
        ),
    ]

"""How old an idempotency key may be."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0015_activity")]

    operations = [
        InForce("events", "oldest_event_keys", digest="e41c1ceff078", reverse_sql="DROP FUNCTION oldest_event_keys"),
    ]

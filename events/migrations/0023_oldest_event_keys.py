"""How old an idempotency key may be."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0022_statistics_of_users")]

    operations = [
        InForce("events", "oldest_event_keys", digest="1bfacf62276b", reverse_sql="DROP FUNCTION oldest_event_keys"),
    ]

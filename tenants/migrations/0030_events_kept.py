"""Partners' events are listed by their time, and forgotten after 90 days."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("tenants", "0029_keys_guarded")]

    operations = [
        AddIndexConcurrently(
            model_name="partnerevent",
            index=models.Index(fields=["tenant", "created_at", "id"], name="partner_event_listed"),
        ),
        InForce(
            "tenants", "forget_partner_events", digest="685f3df6524c", reverse_sql="DROP FUNCTION forget_partner_events"
        ),
    ]

"""What waits to be sent, and which endpoints are unwell, as sums."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # for the index

    dependencies = [
        ("delivery", "0010_parameters_too_costly"),
        ("integrations", "0006_who_changes_action_types"),
        ("tenants", "0008_entries_without_a_tenant"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="endpoint",
            index=models.Index(
                models.F("open_until"),
                models.F("disabled_at"),
                condition=models.Q(("open_until__isnull", False), ("disabled_at__isnull", False), _connector="OR"),
                name="endpoint_unwell",
            ),
        ),
        InForce("delivery", "delivery_backlog", digest="fefd9732e160", reverse_sql="DROP FUNCTION delivery_backlog"),
        InForce("delivery", "unwell_endpoints", digest="ea74d6381b86", reverse_sql="DROP FUNCTION unwell_endpoints"),
    ]

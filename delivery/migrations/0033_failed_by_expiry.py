"""Failed actions that can still be sent again are found by their expiry, and a partner's endpoints in order.

Django's indexes for LIKE, which no statement has, are not kept up to date with each write.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_FOR_LIKE = {
    "delivery_certification_id_52faa8c0_like": "delivery_certification (id varchar_pattern_ops)",
    "delivery_recovery_id_5f1bf9ac_like": "delivery_recovery (id varchar_pattern_ops)",
}


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("delivery", "0032_register_endpoint")]

    operations = [
        AddIndexConcurrently(
            model_name="action",
            index=models.Index(
                models.F("expires_at"), models.F("id"), condition=models.Q(("status", "failed")), name="action_failed"
            ),
        ),
        AddIndexConcurrently(
            model_name="endpoint",
            index=models.Index(
                models.F("tenant"),
                models.F("registered_at"),
                models.F("id"),
                condition=models.Q(("registered_at__isnull", False)),
                name="endpoint_listed",
            ),
        ),
        *(
            migrations.RunSQL(
                sql=f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                reverse_sql=f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {place}",
            )
            for name, place in _FOR_LIKE.items()
        ),
    ]

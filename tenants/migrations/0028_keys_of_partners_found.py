"""A key has one successor, of its own tenant, and keys that expire soon are found."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def _unique(name: str, *, columns: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        sql=[
            f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON tenants_apikey ({columns})",
        ],
        reverse_sql=f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
    )


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [("tenants", "0027_keys_of_partners_checked")]

    operations = [
        _unique("api_key_id_tenant", columns="id, tenant_id"),
        _unique("api_key_replaces_unique", columns="replaces_id"),
        AddIndexConcurrently(
            model_name="apikey",
            index=models.Index(
                fields=["expires_at"],
                name="api_key_expiring",
                condition=models.Q(("expires_at__isnull", False), ("revoked_at", None)),
            ),
        ),
    ]

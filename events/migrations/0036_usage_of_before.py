"""Tenants that are there have usage of before: all their months are open.

Their first count closes those that are over. Of a tenant that is made later, the months before it are closed.
"""

from django.db import migrations

_OPEN = """
    INSERT INTO events_usagecount (tenant_id, closed_through, announced_through)
    SELECT id, '0001-01-01', date_trunc('month', now() AT TIME ZONE 'UTC' - interval '3 days') FROM tenants_tenant
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0035_usage")]

    operations = [migrations.RunSQL(sql=_OPEN, reverse_sql="DELETE FROM events_usagecount")]

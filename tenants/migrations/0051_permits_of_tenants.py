"""Counts of requests name the tenant that they are of, so that they are deleted with it, and counted."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_limits = import_module("tenants.migrations.0036_rate_limits")
_bursts = import_module("tenants.migrations.0041_bursts")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0050_refuse_change")]

    operations = [
        migrations.RunSQL(
            # Null of the counts that are there, which are those of a moment.
            sql=["ALTER TABLE tenants_permit ADD COLUMN tenant_id uuid", "DELETE FROM tenants_permit"],
            reverse_sql="ALTER TABLE tenants_permit DROP COLUMN tenant_id",
        ),
        InForce(
            "tenants",
            "tenants_permit",
            digest="1a911c80ca74",
            reverse_sql=["DROP POLICY staff ON tenants_permit", _limits.TENANTS_PERMIT],
        ),
        InForce("tenants", "take_permits", digest="f7febf815727", reverse_sql=[_bursts.TAKE_PERMITS]),
    ]

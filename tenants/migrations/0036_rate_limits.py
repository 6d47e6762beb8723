"""A tenant's limit of requests over all its keys, and how many of them were permitted: see `take_permits`.

The column is added to the catalogue alone. What is permitted is of a moment, so its table is unlogged.
"""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.sql import InForce

_plan = import_module("tenants.migrations.0015_config_by_partner")
_tenant = import_module("tenants.migrations.0035_deleting")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0035_deleting")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="rate_limit",
            field=models.JSONField(
                blank=True,
                help_text="`requests` in `seconds`, of all its keys; the installation's where null",
                null=True,
            ),
        ),
        AddConstraintNotValid(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(rate_limit__isnull=True)
                | models.Q(
                    rate_limit__has_keys=["requests", "seconds"],
                    rate_limit__requests__range=(1, 1_000_000_000),
                    rate_limit__seconds__range=(1, 86_400),
                ),
                name="tenant_rate_limit_whole",
                violation_error_message="`requests` and `seconds`, from 1 on; at most a day.",
            ),
        ),
        InForce(
            "tenants",
            "tenants_tenant",
            digest="af6b6b40b336",
            reverse_sql=["REVOKE UPDATE (rate_limit) ON tenants_tenant FROM app_web", _tenant.TENANTS_TENANT],
        ),
        InForce(
            "tenants",
            "refuse_own_plan",
            digest="371ce3b4dc8e",
            reverse_sql=["DROP TRIGGER own_plan ON tenants_tenant", _plan.OWN_PLAN],
        ),
        migrations.RunSQL(
            sql="""
                CREATE UNLOGGED TABLE tenants_permit (
                    id uuid PRIMARY KEY,
                    ends_at timestamptz NOT NULL,
                    taken int NOT NULL
                ) WITH (fillfactor = 50)
            """,
            reverse_sql="DROP TABLE tenants_permit",
        ),
        InForce("tenants", "tenants_permit", digest="941da9d9600a", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "take_permits", digest="ae9f8edfbc98", reverse_sql="DROP FUNCTION take_permits"),
    ]

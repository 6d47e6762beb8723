"""Nothing is sent for a tenant that is being deleted."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_controls = import_module("delivery.migrations.0023_controls")
_webhooks = import_module("delivery.migrations.0024_partner_webhooks")

_REASONS = [
    ("attempts_exhausted", "Attempts Exhausted"),
    ("endpoint_gone", "Endpoint Gone"),
    ("invalid_parameters", "Invalid Parameters"),
    ("parameters_too_costly", "Parameters Too Costly"),
    ("action_type_inactive", "Action Type Inactive"),
    ("user_opted_out", "User Opted Out"),
    ("tenant_deleting", "Tenant Deleting"),
    ("internal_error", "Internal Error"),
]


class Migration(migrations.Migration):
    dependencies = [("delivery", "0025_no_index_for_like"), ("tenants", "0035_deleting")]

    operations = [
        migrations.AlterField(
            model_name="action",
            name="failure_reason",
            field=models.CharField(blank=True, choices=_REASONS, max_length=32),
        ),
        migrations.AlterField(
            model_name="failurecount", name="reason", field=models.CharField(choices=_REASONS, max_length=32)
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="failure_reason",
            field=models.CharField(blank=True, choices=_REASONS, db_default="", max_length=32),
        ),
        InForce("delivery", "claim_actions", digest="d25999236ab8", reverse_sql=[_controls.CLAIM_ACTIONS]),
        InForce("delivery", "delivery_backlog", digest="0a4d7f605cce", reverse_sql=[_controls.DELIVERY_BACKLOG]),
        InForce("delivery", "claim_deliveries", digest="31e4c480739e", reverse_sql=[_webhooks.CLAIM_DELIVERIES]),
        InForce("delivery", "cancel_actions", digest="2566b4756264", reverse_sql="DROP FUNCTION cancel_actions"),
    ]

"""One webhook, recovery or endpoint that cannot be worked on keeps no other from being."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_webhooks = import_module("delivery.migrations.0024_partner_webhooks")
_recoveries = import_module("delivery.migrations.0031_recoveries_and_certifications")
_registered = import_module("delivery.migrations.0032_register_endpoint")


def _returns_more(function: str) -> migrations.RunSQL:
    """What a function returns is not changed by replacing it."""
    return migrations.RunSQL(sql=f"DROP FUNCTION {function}", reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0033_failed_by_expiry"), ("tenants", "0039_audit_entries_linked")]

    operations = [
        migrations.AddField(
            model_name="webhookreader",
            name="rests_until",
            field=models.DateTimeField(
                help_text="After a fault, which keeps no other reader from going on",
                null=True,
            ),
        ),
        _returns_more("fan_out_events"),
        InForce(
            "delivery",
            "fan_out_events",
            digest="55d2ab5d1bbc",
            reverse_sql=["DROP FUNCTION fan_out_events", _webhooks.FAN_OUT_EVENTS],
        ),
        _returns_more("recover_actions"),
        InForce(
            "delivery",
            "recover_actions",
            digest="0cb13f4528d4",
            reverse_sql=["DROP FUNCTION recover_actions", _recoveries.RECOVER_ACTIONS],
        ),
        InForce("delivery", "count_endpoints", digest="6db38cfcd0df", reverse_sql=[_recoveries.COUNT_ENDPOINTS]),
        InForce(
            "delivery", "claim_certifications", digest="b7d20fbd3742", reverse_sql=[_recoveries.CLAIM_CERTIFICATIONS]
        ),
        InForce("delivery", "register_endpoint", digest="e612129efa65", reverse_sql=[_registered.REGISTER_ENDPOINT]),
    ]

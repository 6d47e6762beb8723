"""What is held back is not leased, and slow endpoints have a share of a worker's places, not all of them.

A lane, a tenant's action type, is held while its tenant's kill switch or its partner's is on, in shadow mode, while its
plan is suspended, and while its integration is switched off. Lanes that are held, whose endpoint has no room or whose
circuit is open are passed over where the lanes are found, one look at each whatever its backlog: they take no place
from those behind them.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_BEFORE_THIS = import_module("delivery.migrations.0003_claim_actions")._CLAIM

_REASONS = [
    ("attempts_exhausted", "Attempts Exhausted"),
    ("endpoint_gone", "Endpoint Gone"),
    ("invalid_parameters", "Invalid Parameters"),
    ("action_type_inactive", "Action Type Inactive"),
    ("user_opted_out", "User Opted Out"),
    ("internal_error", "Internal Error"),
]


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_staff_pages"), ("tenants", "0004_switches")]

    operations = [
        migrations.AddField(
            "endpoint",
            "slow_since",
            models.DateTimeField(help_text="It has taken longer than it may since then", null=True),
        ),
        migrations.AddField("endpointrow", "slow_since", models.DateTimeField(null=True)),
        migrations.AlterField(
            "action", "failure_reason", models.CharField(blank=True, choices=_REASONS, max_length=32)
        ),
        migrations.AlterField("actionrow", "failure_reason", models.CharField(choices=_REASONS, max_length=32)),
        migrations.RunSQL(
            sql="DROP FUNCTION claim_actions",
            reverse_sql=[
                _BEFORE_THIS,
                "REVOKE ALL ON FUNCTION claim_actions FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION claim_actions TO app_rt",
            ],
        ),
        InForce("delivery", "claim_actions", reverse_sql="DROP FUNCTION claim_actions"),
    ]

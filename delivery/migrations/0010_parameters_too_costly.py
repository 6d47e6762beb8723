"""Another reason for which an action fails; the choices are Django's alone, the column stays as it is."""

from django.db import migrations, models

_REASONS = [
    ("attempts_exhausted", "Attempts Exhausted"),
    ("endpoint_gone", "Endpoint Gone"),
    ("invalid_parameters", "Invalid Parameters"),
    ("parameters_too_costly", "Parameters Too Costly"),
    ("action_type_inactive", "Action Type Inactive"),
    ("user_opted_out", "User Opted Out"),
    ("internal_error", "Internal Error"),
]


class Migration(migrations.Migration):
    dependencies = [("delivery", "0009_action_changes")]

    operations = [
        migrations.AlterField(
            "action", "failure_reason", models.CharField(blank=True, choices=_REASONS, max_length=32)
        ),
    ]

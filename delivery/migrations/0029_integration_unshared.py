"""An action fails, too, because its integration was taken from the customer: words of the models alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0028_revisions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="action",
            name="failure_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("attempts_exhausted", "Attempts Exhausted"),
                    ("endpoint_gone", "Endpoint Gone"),
                    ("invalid_parameters", "Invalid Parameters"),
                    ("parameters_too_costly", "Parameters Too Costly"),
                    ("action_type_inactive", "Action Type Inactive"),
                    ("user_opted_out", "User Opted Out"),
                    ("tenant_deleting", "Tenant Deleting"),
                    ("integration_unshared", "Integration Unshared"),
                    ("internal_error", "Internal Error"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="failurecount",
            name="reason",
            field=models.CharField(
                choices=[
                    ("attempts_exhausted", "Attempts Exhausted"),
                    ("endpoint_gone", "Endpoint Gone"),
                    ("invalid_parameters", "Invalid Parameters"),
                    ("parameters_too_costly", "Parameters Too Costly"),
                    ("action_type_inactive", "Action Type Inactive"),
                    ("user_opted_out", "User Opted Out"),
                    ("tenant_deleting", "Tenant Deleting"),
                    ("integration_unshared", "Integration Unshared"),
                    ("internal_error", "Internal Error"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="failure_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("attempts_exhausted", "Attempts Exhausted"),
                    ("endpoint_gone", "Endpoint Gone"),
                    ("invalid_parameters", "Invalid Parameters"),
                    ("parameters_too_costly", "Parameters Too Costly"),
                    ("action_type_inactive", "Action Type Inactive"),
                    ("user_opted_out", "User Opted Out"),
                    ("tenant_deleting", "Tenant Deleting"),
                    ("integration_unshared", "Integration Unshared"),
                    ("internal_error", "Internal Error"),
                ],
                db_default="",
                max_length=32,
            ),
        ),
    ]

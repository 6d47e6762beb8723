"""Which revision of an integration new shares get, and whether the integration is deprecated or gone.

Each column is added to the catalogue alone; the release before registers integrations at their first revision.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_held = import_module("integrations.migrations.0009_held")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0009_held")]

    operations = [
        migrations.AddField(
            model_name="partnerintegration",
            name="deleted_at",
            field=models.DateTimeField(
                editable=False, help_text="It stays for actions of before; its provider is free again", null=True
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="deprecated_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="maps_events_later",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="A revision after the first has event mappings",
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="revision",
            field=models.IntegerField(
                db_default=1,
                default=1,
                editable=False,
                help_text="The newest that was rolled out to all: new shares get it",
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="sunset_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="partnerintegration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deprecated_at", None), ("sunset_at", None)),
                    models.Q(
                        ("deprecated_at__isnull", False),
                        ("sunset_at__gt", models.F("deprecated_at")),
                        ("sunset_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="integration_sunset_after_deprecation",
            ),
        ),
        InForce(
            "integrations",
            "integrations_partnerintegration",
            digest="dbc749fc7f89",
            reverse_sql=[
                "REVOKE UPDATE (display_name, active, provider) ON integrations_partnerintegration FROM app_web",
                _held.HELD,
            ],
        ),
    ]

"""A share is at a revision; those of before are at the first. The columns are added to the catalogue alone."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_isolation = import_module("integrations.migrations.0002_isolation")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0011_revisions")]

    operations = [
        migrations.AddField(
            model_name="integrationshare",
            name="ended_at",
            field=models.DateTimeField(
                help_text="The customer has it no more; the row stays for its actions of before", null=True
            ),
        ),
        migrations.AddField(
            model_name="integrationshare",
            name="revision",
            field=models.IntegerField(db_default=1, default=1),
        ),
        InForce(
            "integrations",
            "integrations_integrationshare",
            digest="0cd0e5352e5d",
            reverse_sql=[
                "REVOKE UPDATE (revision, ended_at) ON integrations_integrationshare FROM app_web",
                _isolation.SHARE,
            ],
        ),
    ]

"""A share that is taken up again begins anew, and says whether what was queued before it ended is sent.

The column is added to the catalogue alone.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Now

from retivo.database.sql import InForce

_shares = import_module("integrations.migrations.0012_revision_of_shares")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0019_shares_listed")]

    operations = [
        migrations.AddField(
            model_name="integrationshare",
            name="cancelled_at",
            field=models.DateTimeField(
                help_text="It was taken from the customer with what was queued: no action of before is sent", null=True
            ),
        ),
        migrations.AlterField(
            model_name="integrationshare",
            name="created_at",
            field=models.DateTimeField(
                db_default=Now(), editable=False, help_text="When it began; anew when it is shared again"
            ),
        ),
        InForce(
            "integrations",
            "integrations_integrationshare",
            digest="2c8c676d3188",
            reverse_sql=[
                "REVOKE UPDATE (cancelled_at, created_at) ON integrations_integrationshare FROM app_web",
                _shares.SHARE,
            ],
        ),
    ]

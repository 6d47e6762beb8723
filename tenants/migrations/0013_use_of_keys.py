"""A key's use is noted whatever the answer is, and an entry of the audit trail says from which address it was caused.

The column is added to the catalogue alone, and the release before appends entries without an address.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_before = import_module("tenants.migrations.0003_authenticate_api_key")._LOOK_UP


class Migration(migrations.Migration):
    dependencies = [("tenants", "0012_staff_lists")]

    operations = [
        InForce("tenants", "authenticate_api_key", digest="bf3f3e57c6ec", reverse_sql=[_before]),
        migrations.AddField(
            model_name="auditentry",
            name="address",
            field=models.GenericIPAddressField(
                editable=False, help_text="The caller's; none of a command or a worker", null=True
            ),
        ),
    ]

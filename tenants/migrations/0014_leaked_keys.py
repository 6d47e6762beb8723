"""A key that was found in a public place is revoked by whoever found it.

The column is added to the catalogue alone; the next migration checks its constraint, while rows may be written.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0013_use_of_keys")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="revoked_reason",
            field=models.CharField(
                choices=[("leaked", "Reported as leaked")], editable=False, max_length=16, null=True
            ),
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("revoked_reason", None))
                | models.Q(("revoked_at__isnull", False), ("revoked_reason__in", ["leaked"])),
                name="api_key_revoked_reason_known",
            ),
        ),
        InForce("tenants", "revoke_leaked_key", digest="3be87f87b5fd", reverse_sql="DROP FUNCTION revoke_leaked_key"),
    ]

"""An answer stored for a partner goes with each customer that it names, whatever the operation was."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0051_permits_of_tenants"),
    ]

    operations = [
        migrations.AddField(
            model_name="idempotentanswer",
            name="customers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BinaryField(max_length=32),
                help_text="Of a partner's answer: SHA-256 of what names customers in it, see `tenants.deletion.named`",
                null=True,
                size=None,
            ),
        ),
    ]

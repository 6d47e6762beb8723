"""Indexes of one column, with which another index of the table begins."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("tenants", "0010_workers"),
    ]

    operations = [
        WithoutIndex(
            model_name="idempotentanswer",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="tenant",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="customers",
                to="tenants.tenant",
            ),
        ),
    ]

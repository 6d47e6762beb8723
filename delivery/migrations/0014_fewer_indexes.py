"""Indexes of one column, with which another index of the table begins."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("delivery", "0013_newest_over_all"),
        ("tenants", "0011_fewer_indexes"),
    ]

    operations = [
        WithoutIndex(
            model_name="action",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="attempt",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="endpoint",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
    ]

"""Indexes of one column, with which another index of the table begins."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("decisions", "0012_newest_over_all"),
        ("tenants", "0011_fewer_indexes"),
    ]

    operations = [
        WithoutIndex(
            model_name="budget",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="intervention",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="playbook",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
        WithoutIndex(
            model_name="playbookentry",
            name="tenant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
            ),
        ),
    ]

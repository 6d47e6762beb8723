"""Where a round stopped for a tenant whose turn was over."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_entries_without_a_tenant")]

    operations = [
        migrations.CreateModel(
            name="Place",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "work", "tenant", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("work", models.CharField(max_length=64)),
                ("place", models.JSONField()),
                ("stopped_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        InForce("tenants", "tenants_place", digest="694557496a2d", reverse_sql=migrations.RunSQL.noop),
    ]

"""Which workers are alive, and what became of their tasks."""

import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0009_place")]

    operations = [
        migrations.CreateModel(
            name="TaskRun",
            fields=[
                (
                    "task",
                    models.CharField(help_text="Its dotted name", max_length=200, primary_key=True, serialize=False),
                ),
                ("succeeded_at", models.DateTimeField(help_text="Last", null=True)),
                ("failed_at", models.DateTimeField(help_text="Last", null=True)),
                ("seconds", models.FloatField(help_text="How long the last run took")),
            ],
        ),
        migrations.CreateModel(
            name="WorkerProcess",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        # The tables go with their policies.
        InForce("tenants", "tenants_taskrun", digest="ba69d5839cb3", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "tenants_workerprocess", digest="5a8f7c6ed393", reverse_sql=migrations.RunSQL.noop),
    ]

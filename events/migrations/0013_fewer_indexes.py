"""Indexes that served nobody: each cost a write a row, and tempted the planner away from the one that serves.

Every key begins with the tenant already. What is asked of a time of receipt is asked of one user's events, or of whole
months, which are partitions.
"""

from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [("events", "0012_stage_changes"), ("tenants", "0006_answer_about")]

    operations = [
        *(
            migrations.AlterField(
                model_name=model,
                name="tenant",
                field=models.ForeignKey(to="tenants.tenant", on_delete=CASCADE, related_name="+", db_index=False),
            )
            for model in ("monthlyactivity", "monthlyusage", "stagechange")
        ),
        migrations.RunSQL(
            sql="DROP INDEX event_received",
            reverse_sql="CREATE INDEX event_received ON events_event USING brin (received_at)",
        ),
    ]

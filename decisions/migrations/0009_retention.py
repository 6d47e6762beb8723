"""Decisions and interventions that are past their time are deleted, in the tenant's context."""

from django.db import migrations

_TABLES = "decisions_decision, decisions_intervention"


class Migration(migrations.Migration):
    dependencies = [("decisions", "0008_follow_actions")]

    operations = [
        migrations.RunSQL(
            sql=f"GRANT DELETE ON {_TABLES} TO app_rt", reverse_sql=f"REVOKE DELETE ON {_TABLES} FROM app_rt"
        ),
    ]

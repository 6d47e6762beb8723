"""Decisions and interventions that are past their time are deleted, in the tenant's context."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("decisions", "0008_follow_actions")]

    operations = [
        InForce("decisions", table, reverse_sql=f"REVOKE DELETE ON {table} FROM app_rt")
        for table in ("decisions_decision", "decisions_intervention")
    ]

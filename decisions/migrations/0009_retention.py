"""Decisions and interventions that are past their time are deleted, in the tenant's context."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("decisions", "0008_follow_actions")]

    operations = [
        InForce(
            "decisions",
            "decisions_decision",
            digest="8571ba6aad09",
            reverse_sql="REVOKE DELETE ON decisions_decision FROM app_rt",
        ),
        InForce(
            "decisions",
            "decisions_intervention",
            digest="b88c9ca22ed4",
            reverse_sql="REVOKE DELETE ON decisions_intervention FROM app_rt",
        ),
    ]

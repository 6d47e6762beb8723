"""Decisions and interventions that are past their time are deleted, in the tenant's context."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("decisions", "0008_follow_actions")]

    operations = [
        InForce(
            "decisions",
            "decisions_decision",
            digest="2d515dbde907",
            reverse_sql="REVOKE DELETE ON decisions_decision FROM app_rt",
        ),
        InForce(
            "decisions",
            "decisions_intervention",
            digest="91de1792980f",
            reverse_sql="REVOKE DELETE ON decisions_intervention FROM app_rt",
        ),
    ]

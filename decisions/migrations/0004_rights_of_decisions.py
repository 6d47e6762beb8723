"""Whose decisions these are, and which switches stop them. What is of a user goes with the user."""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

_USER = """
    ALTER TABLE decisions_decision ADD CONSTRAINT decision_for_own_user FOREIGN KEY (tenant_id, user_id)
    REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
"""


class Migration(migrations.Migration):
    dependencies = [("decisions", "0003_decisions"), ("tenants", "0004_switches"), ("events", "0003_isolation")]

    operations = [
        isolate("decisions_decision", visible="tenant_id = {tenant}", grants="SELECT, INSERT, UPDATE"),
        InForce("decisions", "decisions_budget", digest="02bd44f30ade", reverse_sql=undo_isolation("decisions_budget")),
        migrations.RunSQL(
            sql=_USER, reverse_sql="ALTER TABLE decisions_decision DROP CONSTRAINT decision_for_own_user"
        ),
        InForce(
            "decisions", "switches_of_caller", digest="9c211cf87268", reverse_sql="DROP FUNCTION switches_of_caller"
        ),
    ]

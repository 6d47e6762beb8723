"""Outcomes are recorded by one function, for the tenant itself, for its partner and for receivers."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0021_actions_by_id"), ("learning", "0017_report_decisions")]

    operations = [
        InForce("delivery", "record_outcomes", digest="1eec8557e5e4", reverse_sql="DROP FUNCTION record_outcomes"),
        InForce(
            "delivery",
            "record_outcome_by_url",
            digest="c79ebef7095d",
            reverse_sql="DROP FUNCTION record_outcome_by_url",
        ),
        InForce(
            "delivery",
            "record_outcome_of_own_integration",
            digest="f03f6bb52d7d",
            reverse_sql="DROP FUNCTION record_outcome_of_own_integration",
        ),
    ]

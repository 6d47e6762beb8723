"""Recoveries, certifications and replays are kept for a while."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0036_one_recovery_at_a_time")]

    operations = [
        InForce("delivery", "forget_finished", digest="09fe698d574f", reverse_sql="DROP FUNCTION forget_finished"),
    ]

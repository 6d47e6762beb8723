"""Addresses are registered all at once, in one order."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0042_refuse_change")]

    operations = [
        InForce(
            "delivery", "register_endpoints", digest="4fa72e0ac8eb", reverse_sql="DROP FUNCTION register_endpoints"
        ),
    ]

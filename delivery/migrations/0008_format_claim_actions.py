"""The text of `claim_actions` was put together from pieces in Python, and indented accordingly. It does the same."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_before = import_module("delivery.migrations.0006_holds_and_pace")._CLAIM


class Migration(migrations.Migration):
    dependencies = [("delivery", "0007_retention")]

    operations = [
        InForce(
            "delivery",
            "claim_actions",
            digest="a60caa762d99",
            reverse_sql=[_before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")],
        ),
    ]

"""Of the events of a transaction the first alone runs the trigger that moves the head."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("tenants.migrations.0048_chained_at_once")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0048_chained_at_once")]

    operations = [
        InForce("tenants", "number_event", digest="041d1fbd6533", reverse_sql=[_former.NUMBER_EVENT]),
    ]

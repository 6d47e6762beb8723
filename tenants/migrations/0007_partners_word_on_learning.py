"""What a partner says of a customer's learning is its own to change, as `overage` is."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_before = import_module("tenants.migrations.0005_own_plan")._TRIGGER

_DROP = "DROP TRIGGER own_plan ON tenants_tenant"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_answer_about")]

    operations = [InForce("tenants", "refuse_own_plan", digest="bc5c4ceef582", reverse_sql=[_DROP, _before])]

"""The owner of many endpoints leaves places to others, whether its endpoints are known to be slow or not."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_BEFORE = import_module("delivery.migrations.0008_format_claim_actions").CLAIM


class Migration(migrations.Migration):
    dependencies = [("delivery", "0014_fewer_indexes"), ("tenants", "0010_workers")]

    operations = [InForce("delivery", "claim_actions", digest="c33b29ab4688", reverse_sql=[_BEFORE])]

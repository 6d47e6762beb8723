"""An attempt with a key that is refused is no use of it: it changes no key, and no partner is told of a first use."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_deleting = import_module("tenants.migrations.0035_deleting")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0046_answer_of_key")]

    operations = [
        InForce("tenants", "authenticate_api_key", digest="6419d291c116", reverse_sql=[_deleting.AUTHENTICATE]),
    ]

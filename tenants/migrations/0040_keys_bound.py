"""A key issues none that is less bound than itself: it ends no later, and is let in from no other networks."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_guarded = import_module("tenants.migrations.0029_keys_guarded")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0039_audit_entries_linked")]

    operations = [InForce("tenants", "guard_api_key", digest="d0a242a0deca", reverse_sql=[_guarded.GUARD_API_KEY])]

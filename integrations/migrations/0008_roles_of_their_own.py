"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_isolation = import_module("delivery.migrations.0002_isolation")


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("integrations", "0007_fewer_indexes")]

    operations = [_roles.anew("integrations", later={"integrations_partnerintegration": _isolation.INTEGRATION})]

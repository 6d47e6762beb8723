"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_rights = import_module("decisions.migrations.0004_rights_of_decisions")

# Files of later migrations, which this one does not know.
_NEW = ("begin_lift_trial", "decisions_lifttrial")


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("decisions", "0016_read_forward")]

    operations = [_roles.anew("decisions", later={"switches_of_caller": _rights.SWITCHES, **dict.fromkeys(_NEW)})]

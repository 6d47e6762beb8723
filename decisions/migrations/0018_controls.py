"""The release before asks the controls, too, whether the tenant may send."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_rights = import_module("decisions.migrations.0004_rights_of_decisions")


class Migration(migrations.Migration):
    dependencies = [("decisions", "0017_roles_of_their_own"), ("tenants", "0025_controls")]

    operations = [InForce("decisions", "switches_of_caller", digest="0d68e0917093", reverse_sql=[_rights.SWITCHES])]

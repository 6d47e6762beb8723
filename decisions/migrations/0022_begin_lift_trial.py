"""A trial begins with whatever changes what is compared, whichever release changes it."""

from django.db import migrations

from retivo.database.sql import InForce

_TAKE_AWAY = [
    "DROP TRIGGER lift_trial_of_new ON tenants_tenant",
    "DROP TRIGGER lift_trial_of_changed ON tenants_tenant",
    "DROP FUNCTION begin_lift_trial",
]


class Migration(migrations.Migration):
    dependencies = [("decisions", "0021_lifttrial_rights"), ("tenants", "0053_names")]

    operations = [InForce("decisions", "begin_lift_trial", digest="ab0c587d6c6e", reverse_sql=_TAKE_AWAY)]

"""What a partner set of its customer's config, apart from what the customer made of it.

The column is added to the catalogue alone. The release before does not write it: a config that a partner changes there
during the upgrade is in force, and shown to the partner once it sets it again.
"""

from importlib import import_module

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.models import Value

from retivo.database.sql import InForce

_plan = import_module("tenants.migrations.0007_partners_word_on_learning")
_table = import_module("tenants.migrations.0005_own_plan")._TABLE


class Migration(migrations.Migration):
    dependencies = [("tenants", "0014_leaked_keys")]

    operations = [
        ValidateConstraint(model_name="apikey", name="api_key_revoked_reason_known"),
        migrations.AddField(
            model_name="tenant",
            name="config_by_partner",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                editable=False,
                help_text="What the partner set of a customer's config",
            ),
        ),
        InForce(
            "tenants",
            "tenants_tenant",
            digest="c29f444c1635",
            reverse_sql=["REVOKE UPDATE (config_by_partner) ON tenants_tenant FROM app_rt", _table],
        ),
        InForce("tenants", "refuse_own_plan", digest="e2bb02b8bbae", reverse_sql=[_plan._DROP, _plan._OWN_PLAN]),
    ]

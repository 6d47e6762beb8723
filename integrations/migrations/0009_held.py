"""A partner holds an integration, or one of its action types, for all of its customers.

The column is added to the catalogue alone, and the release before registers integrations of which nothing is held.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Value

from retivo.database.sql import InForce

_isolation = import_module("delivery.migrations.0002_isolation")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0008_roles_of_their_own"), ("delivery", "0002_isolation")]

    operations = [
        migrations.AddField(
            model_name="partnerintegration",
            name="held",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                editable=False,
                help_text="The partner's switches by an action type's name, or by `*`",
            ),
        ),
        InForce(
            "integrations",
            "integrations_partnerintegration",
            digest="71d56be027e2",
            reverse_sql=[
                "REVOKE UPDATE (held) ON integrations_partnerintegration FROM app_web",
                _isolation.INTEGRATION,
            ],
        ),
    ]

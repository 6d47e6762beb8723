"""Which integrations send to an address."""

import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("integrations", "0016_versions_of_secrets")]

    operations = [
        AddIndexConcurrently(
            model_name="revisiontemplate",
            index=models.Index(
                models.F("tenant"), django.db.models.functions.text.MD5("delivery_webhook"), name="template_by_address"
            ),
        ),
        WithoutIndex(
            model_name="revisiontemplate",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
    ]

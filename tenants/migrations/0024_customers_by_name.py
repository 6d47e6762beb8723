"""A partner's customers are listed by name."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is made beside writes

    dependencies = [("tenants", "0023_partner_events")]

    operations = [
        # Django's own, made at the end of the migration before: nobody looks for ids by their beginnings.
        migrations.RunSQL(
            sql="DROP INDEX IF EXISTS tenants_partnerevent_id_d7ccb65c_like", reverse_sql=migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="tenant",
            index=models.Index(fields=["parent", "name", "id"], name="tenant_children_by_name"),
        ),
    ]

"""An entry about a staff account is of no tenant.

Dropping NOT NULL changes the catalogue alone, and the release before goes on writing a tenant into each of its entries.
The runtime role still cannot append an entry without one: its policy compares `tenant_id` with the context's.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_partners_word_on_learning")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE tenants_auditentry ALTER COLUMN tenant_id DROP NOT NULL",
            # Entries without a tenant may stand by then, and nothing is deleted from the trail: the column stays
            # nullable, which the release before does not notice.
            reverse_sql=migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(
                    model_name="auditentry",
                    name="tenant_id",
                    field=models.UUIDField(help_text="None of a change to a staff account", null=True),
                )
            ],
        )
    ]

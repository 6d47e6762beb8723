"""The foreign keys of the migration before hold for the rows of before, too."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # nobody waits for an index, nor for a check

    dependencies = [("integrations", "0014_revision_of_action_types")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE integrations_integrationshare VALIDATE CONSTRAINT share_at_revision",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            sql="ALTER TABLE integrations_actiontype VALIDATE CONSTRAINT action_type_at_revision",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            sql="ALTER TABLE integrations_actiontype VALIDATE CONSTRAINT action_type_of_revision",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

"""Each address of a partner's integrations is an endpoint with a row, also while it is well.

The release before registers integrations as this one does; the trigger makes the rows.
"""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("integrations", "0017_templates_by_address"), ("delivery", "0032_register_endpoint")]

    operations = [
        InForce(
            "integrations",
            "note_address",
            digest="8bc9b8391a87",
            reverse_sql=[
                "DROP TRIGGER note_address ON integrations_revisiontemplate",
                "DROP FUNCTION note_address",
            ],
        ),
        migrations.RunSQL(
            sql="""
                SELECT register_endpoint(a.tenant_id, a.delivery_webhook)
                  FROM (SELECT DISTINCT tenant_id, delivery_webhook FROM integrations_revisiontemplate) a
                 ORDER BY a.tenant_id, a.delivery_webhook
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

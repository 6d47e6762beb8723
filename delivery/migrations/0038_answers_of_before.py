"""What webhooks answered to events of customers that are gone already."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0037_nothing_kept_for_good"), ("tenants", "0043_external_ids_validated")]

    operations = [
        migrations.RunSQL(
            sql="""
                UPDATE delivery_webhookattempt t SET response = '' FROM tenants_partnerevent e
                 WHERE e.id = t.event_id AND t.response <> '' AND e.customer_id IS NOT NULL
                   AND NOT EXISTS (SELECT FROM tenants_tenant c WHERE c.id = e.customer_id)
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

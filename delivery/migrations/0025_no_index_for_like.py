"""Django's indexes for LIKE, which no statement has, are not kept up to date with each write."""

from django.db import migrations

_FOR_LIKE = {
    "delivery_webhook_id_a1eab323_like": "delivery_webhook (id varchar_pattern_ops)",
    "delivery_webhookdelivery_event_id_9eaeb50c_like": "delivery_webhookdelivery (event_id varchar_pattern_ops)",
    "delivery_webhookreader_id_008e4897_like": "delivery_webhookreader (id varchar_pattern_ops)",
    "delivery_webhookreader_webhook_id_57fc0bf7_like": "delivery_webhookreader (webhook_id varchar_pattern_ops)",
}


class Migration(migrations.Migration):
    atomic = False  # nobody waits for an index

    dependencies = [("delivery", "0024_partner_webhooks")]

    operations = [
        migrations.RunSQL(
            sql=f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            reverse_sql=f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {place}",
        )
        for name, place in _FOR_LIKE.items()
    ]

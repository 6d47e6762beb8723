"""What webhooks answered to events of a customer goes with the customer, as what the events said of it does."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0040_replays_of_nothing"), ("tenants", "0030_events_kept")]

    operations = [
        InForce(
            "delivery",
            "redact_answers",
            digest="2dad2c722591",
            reverse_sql=["DROP TRIGGER redact_answers ON tenants_partnerevent", "DROP FUNCTION redact_answers"],
        ),
    ]

"""Functions of other rooms record events of partners by one function, rather than in its table."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0043_external_ids_validated")]

    operations = [
        InForce(
            "tenants", "record_partner_event", digest="b7eed433722b", reverse_sql="DROP FUNCTION record_partner_event"
        ),
    ]

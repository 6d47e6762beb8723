"""Partners' events of a transaction are numbered at once: the time is linear in their number."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_events = import_module("tenants.migrations.0023_partner_events")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0048_chained_at_once")]

    operations = [
        InForce(
            "tenants",
            "number_event",
            digest="ca1deb5b8be6",
            reverse_sql=["DROP TRIGGER event_numbered ON tenants_partnerevent", _events.NUMBER_EVENT],
        ),
    ]

"""Who sees which row: the tenant its own. A partner sees none of its customers' users and events."""

from django.db import migrations

from retivo.database.rls import isolate

_OWN = "tenant_id = {tenant}"


class Migration(migrations.Migration):
    dependencies = [("events", "0002_event_tables"), ("tenants", "0003_authenticate_api_key")]

    operations = [
        isolate("events_event", visible=_OWN, grants="SELECT, INSERT, DELETE"),
        isolate("events_eventkey", visible=_OWN, grants="SELECT, INSERT"),
        isolate("events_trackeduser", visible=_OWN, grants="SELECT, INSERT, UPDATE, DELETE"),
        isolate("events_monthlyactivity", visible=_OWN, grants="SELECT, INSERT"),
        isolate("events_monthlyusage", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
    ]

"""One function keeps what is to stay, whatever it is."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("tenants.migrations.0045_what_stays")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0049_numbered_at_once")]

    operations = [
        InForce("tenants", "refuse_change", digest="6a6715a09c8f", reverse_sql="DROP FUNCTION refuse_change"),
        migrations.RunSQL(
            sql="DROP FUNCTION IF EXISTS refuse_loss_of_event", reverse_sql=[_former.REFUSE_LOSS_OF_EVENT]
        ),
        migrations.RunSQL(
            sql="DROP FUNCTION IF EXISTS refuse_change_of_certificate",
            reverse_sql=[_former.REFUSE_CHANGE_OF_CERTIFICATE],
        ),
    ]

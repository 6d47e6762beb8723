"""What happened to a partner and what was certified stays, and what staff say about a partner stays between them."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("tenants.migrations.0035_deleting")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0044_record_partner_event")]

    operations = [
        InForce("tenants", "controls_in_force", digest="c462aa0be029", reverse_sql=[_former.CONTROLS_IN_FORCE]),
        InForce(
            "tenants",
            "refuse_loss_of_event",
            digest="ef6fead239d4",
            reverse_sql=[
                "DROP TRIGGER events_stay ON tenants_eventhead",
                "DROP TRIGGER events_stay ON tenants_partnerevent",
                "DROP FUNCTION refuse_loss_of_event",
            ],
        ),
        InForce(
            "tenants",
            "refuse_change_of_certificate",
            digest="432dbd6663f6",
            reverse_sql=[
                "DROP TRIGGER certificate_stays ON tenants_deletion",
                "DROP FUNCTION refuse_change_of_certificate",
            ],
        ),
    ]

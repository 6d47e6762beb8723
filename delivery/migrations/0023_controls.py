"""What is held is told by the controls, and by what a partner holds of its integrations."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_figures = import_module("delivery.migrations.0011_figures")
_places = import_module("delivery.migrations.0015_owners_share_of_places")


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0022_record_outcomes"),
        ("integrations", "0009_held"),
        ("tenants", "0025_controls"),
    ]

    operations = [
        InForce("delivery", "claim_actions", digest="37eb8ee70208", reverse_sql=[_places.CLAIM]),
        InForce("delivery", "delivery_backlog", digest="89757ea801b6", reverse_sql=[_figures.BACKLOG]),
    ]

"""Partners are told of a release by a function, so that the role that releases needs no right to events."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("learning", "0017_report_decisions"), ("tenants", "0023_partner_events")]

    operations = [
        InForce("learning", "announce_release", digest="66b7cb886403", reverse_sql="DROP FUNCTION announce_release"),
    ]

"""Partners are told of a release by a function, so that the role that releases needs no right to events."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("learning", "0017_report_decisions"), ("tenants", "0044_record_partner_event")]

    operations = [
        InForce("learning", "announce_release", digest="d8feafca05e3", reverse_sql="DROP FUNCTION announce_release"),
    ]

"""A batch that is nothing out of the ordinary is stored by one function, in one trip."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0020_index_of_a_month"), ("tenants", "0008_entries_without_a_tenant")]

    operations = [
        InForce("events", "days_kept", digest="992fd3657a21", reverse_sql="DROP FUNCTION days_kept"),
        InForce("events", "track_batch", digest="4484691822ed", reverse_sql="DROP FUNCTION track_batch"),
    ]

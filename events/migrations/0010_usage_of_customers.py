"""What a partner learns of its customers' use: numbers, by two functions; it sees none of the rows."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("events", "0009_policies_asked_once"), ("tenants", "0005_own_plan")]

    operations = [
        InForce("events", "usage_of_customers", digest="618dcf6a711c", reverse_sql="DROP FUNCTION usage_of_customers"),
        InForce("events", "usage_of_customer", digest="aa7935e3b883", reverse_sql="DROP FUNCTION usage_of_customer"),
    ]

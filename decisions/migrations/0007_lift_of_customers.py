"""What a partner learns of whether acting helps its customers: sums over all of them, and none of too few users."""

from django.db import migrations

from retivo.database.rls import undo_isolation
from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("decisions", "0006_liftcount"), ("tenants", "0004_switches")]

    operations = [
        InForce(
            "decisions", "decisions_liftcount", digest="e5e99881401f", reverse_sql=undo_isolation("decisions_liftcount")
        ),
        InForce("decisions", "lift_of_customers", digest="6e11f33cb679", reverse_sql="DROP FUNCTION lift_of_customers"),
    ]

"""Reports of what became of decisions are told to the model by a function, which functions of other rooms can call."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("learning", "0016_receipts_go_with_their_tenant")]

    operations = [
        InForce("learning", "worth_of_outcome", digest="23c46e05b100", reverse_sql="DROP FUNCTION worth_of_outcome"),
        InForce("learning", "report_decisions", digest="316b5d723af6", reverse_sql="DROP FUNCTION report_decisions"),
    ]

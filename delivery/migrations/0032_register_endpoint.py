"""How the addresses of partners' integrations get rows."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("delivery", "0031_recoveries_and_certifications")]

    operations = [
        InForce("delivery", "register_endpoint", digest="49d0852d0c97", reverse_sql="DROP FUNCTION register_endpoint"),
    ]

"""Nothing registers one address by itself any more."""

from importlib import import_module

from django.db import migrations

_former = import_module("delivery.migrations.0034_faults_apart")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0043_register_endpoints"), ("integrations", "0026_addresses_at_once")]

    operations = [
        migrations.RunSQL(sql="DROP FUNCTION IF EXISTS register_endpoint", reverse_sql=[_former.REGISTER_ENDPOINT]),
    ]

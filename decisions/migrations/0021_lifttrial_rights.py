from django.db import migrations

from retivo.database.sql import InForce

_TAKE_AWAY = [
    "REVOKE ALL ON decisions_lifttrial FROM app_web, app_worker",
    "DROP POLICY staff ON decisions_lifttrial",
    "DROP POLICY tenant_isolation ON decisions_lifttrial",
    "ALTER TABLE decisions_lifttrial DISABLE ROW LEVEL SECURITY",
]


class Migration(migrations.Migration):
    dependencies = [("decisions", "0020_lifttrial")]

    operations = [InForce("decisions", "decisions_lifttrial", digest="f721e4ce3f1b", reverse_sql=_TAKE_AWAY)]

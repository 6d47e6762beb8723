"""The key look-up: the one function that reads across tenants before there is a context.

It takes a digest and tells about that key alone. Its owner, `app_auth`, cannot log in and sees two tables.
"""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_isolation")]

    operations = [
        InForce(
            "tenants", "authenticate_api_key", digest="9c4729f7e5d4", reverse_sql="DROP FUNCTION authenticate_api_key"
        ),
        migrations.RunSQL(
            sql=[
                "GRANT SELECT ON tenants_tenant TO app_auth",
                "CREATE POLICY key_lookup ON tenants_tenant FOR SELECT TO app_auth USING (true)",
            ],
            reverse_sql=[
                "DROP POLICY key_lookup ON tenants_tenant",
                "REVOKE ALL ON tenants_tenant FROM app_auth",
            ],
        ),
        InForce(
            "tenants",
            "tenants_apikey",
            digest="1157204fa0a9",
            reverse_sql=["DROP POLICY key_lookup ON tenants_apikey", "REVOKE ALL ON tenants_apikey FROM app_auth"],
        ),
    ]

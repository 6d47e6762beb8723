"""The order of commits, for lists that are read forward: see `retivo.database.commits`."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("tenants", "0016_who_set_what")]

    operations = [
        migrations.RunSQL(
            """
            CREATE SEQUENCE commit_era AS bigint MAXVALUE 32767;
            GRANT SELECT ON SEQUENCE commit_era TO app_web, app_staff;
            """,
            reverse_sql="DROP SEQUENCE commit_era",
        ),
        InForce("tenants", "commit_position", digest="718c1fb7092d", reverse_sql="DROP FUNCTION commit_position"),
    ]

"""The tenant context is asked once a statement: for every row it cost a tenth of taking a batch in."""

from typing import Any

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT
from retivo.database.sql import InForce

_FOR_EACH_ROW = "NULLIF(current_setting('retivo.tenant_id', true), '')::uuid"

_EVENTKEY = """
    ALTER TABLE events_eventkey ENABLE ROW LEVEL SECURITY;

    DROP POLICY IF EXISTS tenant_isolation ON events_eventkey;
    CREATE POLICY tenant_isolation ON events_eventkey TO app_rt
        USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
        WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

    DROP POLICY IF EXISTS staff ON events_eventkey;
    CREATE POLICY staff ON events_eventkey TO app_staff USING (true) WITH CHECK (true);

    GRANT SELECT, INSERT ON events_eventkey TO app_rt;
"""


def _alter(table: str, tenant: str) -> list[Any]:
    return [f"ALTER POLICY tenant_isolation ON {table} USING (tenant_id = {tenant}) WITH CHECK (tenant_id = {tenant})"]


class Migration(migrations.Migration):
    dependencies = [("events", "0008_hashed_event_keys")]

    operations = [
        migrations.RunSQL(
            sql=_alter("events_monthlyactivity", CURRENT_TENANT),
            reverse_sql=_alter("events_monthlyactivity", _FOR_EACH_ROW),
        ),
        migrations.RunSQL(sql=[_EVENTKEY], reverse_sql=_alter("events_eventkey", _FOR_EACH_ROW)),
        InForce(
            "events",
            "events_trackeduser",
            digest="e2d7bfffded5",
            reverse_sql=_alter("events_trackeduser", _FOR_EACH_ROW),
        ),
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE events_monthlyusage ENABLE ROW LEVEL SECURITY;

                DROP POLICY IF EXISTS tenant_isolation ON events_monthlyusage;
                CREATE POLICY tenant_isolation ON events_monthlyusage TO app_rt
                    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
                    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

                DROP POLICY IF EXISTS staff ON events_monthlyusage;
                CREATE POLICY staff ON events_monthlyusage TO app_staff USING (true) WITH CHECK (true);

                GRANT SELECT, INSERT, UPDATE ON events_monthlyusage TO app_rt;
                """
            ],
            reverse_sql=_alter("events_monthlyusage", _FOR_EACH_ROW),
        ),
    ]

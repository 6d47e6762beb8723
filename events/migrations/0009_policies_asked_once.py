"""The tenant context is asked once a statement: for every row it cost a tenth of taking a batch in."""

from typing import Any

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT
from retivo.database.sql import InForce

_FOR_EACH_ROW = "NULLIF(current_setting('retivo.tenant_id', true), '')::uuid"


def _alter(table: str, tenant: str) -> list[Any]:
    return [f"ALTER POLICY tenant_isolation ON {table} USING (tenant_id = {tenant}) WITH CHECK (tenant_id = {tenant})"]


class Migration(migrations.Migration):
    dependencies = [("events", "0008_hashed_event_keys")]

    operations = [
        migrations.RunSQL(
            sql=_alter("events_monthlyactivity", CURRENT_TENANT),
            reverse_sql=_alter("events_monthlyactivity", _FOR_EACH_ROW),
        ),
        *(
            InForce("events", table, reverse_sql=_alter(table, _FOR_EACH_ROW))
            for table in ("events_eventkey", "events_trackeduser", "events_monthlyusage")
        ),
    ]

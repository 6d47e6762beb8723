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
        InForce(
            "events", "events_eventkey", digest="7108736f3d12", reverse_sql=_alter("events_eventkey", _FOR_EACH_ROW)
        ),
        InForce(
            "events",
            "events_trackeduser",
            digest="49f50666bed9",
            reverse_sql=_alter("events_trackeduser", _FOR_EACH_ROW),
        ),
        InForce(
            "events",
            "events_monthlyusage",
            digest="8fae1a5cf72a",
            reverse_sql=_alter("events_monthlyusage", _FOR_EACH_ROW),
        ),
    ]

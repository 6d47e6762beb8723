"""What `traits` and its columns disagreed on before the trigger: null members go, and named ones of another type.

In steps, each a transaction of its own: no row is locked for long. Run again, it finds less to do.
"""

from typing import Any
from uuid import UUID

from django.db import migrations

_STEP = """
    WITH page AS MATERIALIZED (
        SELECT tenant_id, user_id FROM events_trackeduser
        WHERE (tenant_id, user_id) > (%s, %s) ORDER BY tenant_id, user_id LIMIT 5000
    ), agreed AS MATERIALIZED (
        SELECT u.tenant_id, u.user_id, coalesce((
            SELECT jsonb_object_agg(key, CASE
                WHEN key IN ('name', 'email', 'company', 'role', 'locale') THEN to_jsonb(left(value #>> '{}', 255))
                ELSE value END)
            FROM jsonb_each(u.traits)
            WHERE value <> 'null' AND CASE
                WHEN key IN ('name', 'email', 'company', 'role', 'locale') THEN jsonb_typeof(value) = 'string'
                WHEN key <> 'team_size' THEN true
                WHEN jsonb_typeof(value) = 'number' THEN value::numeric BETWEEN 0 AND 2147483647
                    AND value::numeric = trunc(value::numeric)
                ELSE false END
        ), '{}') AS traits
        FROM events_trackeduser u JOIN page USING (tenant_id, user_id)
    ), locked AS MATERIALIZED (
        SELECT u.tenant_id, u.user_id, a.traits
        FROM events_trackeduser u JOIN agreed a USING (tenant_id, user_id)
        WHERE u.traits <> a.traits OR u.name <> coalesce(a.traits ->> 'name', '')
           OR u.email <> coalesce(a.traits ->> 'email', '') OR u.company <> coalesce(a.traits ->> 'company', '')
           OR u.role <> coalesce(a.traits ->> 'role', '') OR u.locale <> coalesce(a.traits ->> 'locale', '')
           OR u.team_size IS DISTINCT FROM (a.traits ->> 'team_size')::numeric
        ORDER BY u.tenant_id, u.user_id FOR NO KEY UPDATE OF u SKIP LOCKED
    ), written AS (
        UPDATE events_trackeduser u SET traits = l.traits FROM locked l
        WHERE u.tenant_id = l.tenant_id AND u.user_id = l.user_id
    )
    SELECT tenant_id, user_id FROM page ORDER BY tenant_id DESC, user_id DESC LIMIT 1
"""


def agree(_apps: Any, schema_editor: Any) -> None:
    place = (UUID(int=0), "")
    with schema_editor.connection.cursor() as cursor:
        while place:
            cursor.execute(_STEP, place)
            place = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0026_trait_columns")]

    operations = [migrations.RunPython(agree, migrations.RunPython.noop)]

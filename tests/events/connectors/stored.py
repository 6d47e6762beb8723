"""What the connectors stored, read as rows."""

import json
from typing import Any

from django.db import connection

from tenants.context import tenant_context
from tests.conftest import Api


def rows(api: Api, sql: str) -> list[Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def events(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """User, name and properties of each, in the order of their names and users."""
    found = rows(api, "SELECT user_id, name, properties::text FROM events_event ORDER BY name, user_id")
    return [(user, name, json.loads(properties)) for user, name, properties in found]


def names(api: Api) -> list[str]:
    return [name for _, name, _ in events(api)]


def traits(api: Api, user: str) -> dict[str, Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT traits::text FROM events_trackeduser WHERE user_id = %s", [user])
        (row,) = cursor.fetchall()
    found: dict[str, Any] = json.loads(row[0])
    return found


def assert_holds_no_key(api: Api) -> None:
    """No row of any table of events names an API key."""
    for table in ("event", "storedkey", "trackeduser"):
        assert rows(api, f"SELECT * FROM events_{table} t WHERE t::text LIKE '%rt_live_%'") == []

"""Events sent, and what is stored of them."""

from typing import Any

from django.db import connection

from tenants.context import staff_context, tenant_context
from tenants.models import Tenant
from tests.conftest import Api
from tests.factories import EventBody

TRACK = "/api/track"


def event(user: str = "u1", name: str = "clicked", **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = EventBody(user_id=user, event=name, **fields)
    return body


def track(api: Api, *events: Any) -> Any:
    response = api.post(TRACK, {"events": list(events)})
    assert response.status_code == 200, response.content
    return response.json()


def rows(api: Api, sql: str) -> list[Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def count(api: Api, table: str) -> int:
    return int(rows(api, f"SELECT count(*) FROM {table}")[0][0])


def usage(api: Api) -> tuple[int, int]:
    """Events and active users, as metered."""
    (found,) = rows(api, "SELECT coalesce(sum(events), 0), coalesce(sum(active_users), 0) FROM events_monthlyusage")
    return int(found[0]), int(found[1])


def change_tenant(api: Api, **fields: Any) -> None:
    with staff_context():
        Tenant.objects.filter(id=api.tenant_id).update(**fields)

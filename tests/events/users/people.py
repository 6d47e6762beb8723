"""What the tests of end users share."""

from typing import Any
from urllib.parse import quote

from tests.conftest import Api
from tests.owner import owner_cursor

USERS = "/api/customers"


def path(user_id: str) -> str:
    return f"{USERS}/{quote(user_id, safe='')}"


def save(api: Api, user_id: str, **fields: Any) -> dict[str, Any]:
    response = api.post(USERS, {"user_id": user_id, **fields})
    assert response.status_code in (200, 201), response.content
    user: dict[str, Any] = response.json()["user"]
    return user


def get(api: Api, user_id: str) -> dict[str, Any]:
    response = api.get(path(user_id))
    assert response.status_code == 200, response.content
    customer: dict[str, Any] = response.json()["customer"]
    return customer


def track(api: Api, *events: dict[str, Any], **headers: str) -> None:
    response = api.post("/api/track", {"events": list(events)}, **headers)
    assert response.json()["rejected"] == []


def score(api: Api, user_id: str, **columns: Any) -> None:
    """As the scoring will."""
    with owner_cursor() as cursor:
        cursor.execute(
            f"UPDATE events_trackeduser SET {', '.join(f'{name} = %({name})s' for name in columns)}"
            " WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s",
            {**columns, "tenant_id": api.tenant_id, "user_id": user_id},
        )
        assert cursor.rowcount == 1

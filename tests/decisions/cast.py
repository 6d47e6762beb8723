"""Users and playbooks for the tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from decisions.playbooks.runner import run_playbooks
from tenants.context import tenant_context
from tests.conftest import Api
from tests.factories import StoredEventFactory, UserFactory

PLAYBOOKS, INTERVENTIONS = "/api/playbooks", "/api/interventions"

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def person(api: Api, user_id: str, **columns: Any) -> str:
    """A user with these columns."""
    UserFactory(tenant_id=api.tenant_id, user_id=user_id, **columns)
    return user_id


def change(api: Api, user_id: str, **columns: Any) -> None:
    assigned = ", ".join(f"{name} = %({name})s" for name in columns)
    ask(api, f"UPDATE events_trackeduser SET {assigned} WHERE user_id = %(user_id)s", user_id=user_id, **columns)


def happened(api: Api, user_id: str, name: str, *moments: datetime, received_at: datetime | None = None) -> None:
    for moment in moments:
        StoredEventFactory(
            tenant_id=api.tenant_id, at=moment, received_at=received_at or moment, user_id=user_id, name=name
        )


def ask(api: Api, sql: str, **parameters: Any) -> list[Any]:
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def playbook(api: Api, status: str = "active", **fields: Any) -> str:
    """A playbook's id."""
    body = {"name": "Test", "entry_conditions": {"lifecycle_stage": "active"}, **fields}
    response = api.post(PLAYBOOKS, body)
    assert response.status_code == 201, response.content
    playbook_id = str(response.json()["id"])
    if status != "draft":
        response = api.put(f"{PLAYBOOKS}/{playbook_id}/status", {"status": status})
        assert response.status_code == 200, response.content
    return playbook_id


def plan(api: Api, user_id: str = "a", **fields: Any) -> str:
    """An intervention's id."""
    response = api.post(INTERVENTIONS, {"user_id": user_id, **fields})
    assert response.status_code == 201, response.content
    return str(response.json()["id"])


def run(api: Api, now: datetime = NOON, **options: Any) -> dict[str, int]:
    return dict(run_playbooks(tenant_id=api.tenant_id, now=now, **options))


def interventions(api: Api, **where: Any) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = api.get(INTERVENTIONS, {"limit": 1000, **where}).json()["interventions"]
    return found


def users_of(api: Api, **where: Any) -> list[str]:
    return sorted(found["user_id"] for found in interventions(api, **where))


def is_in(api: Api, playbook_id: str) -> set[str]:
    sql = "SELECT user_id FROM decisions_playbookentry WHERE playbook_id = %(id)s AND exited_at IS NULL"
    return {user_id for (user_id,) in ask(api, sql, id=playbook_id)}

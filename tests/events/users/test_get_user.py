from typing import Any

import pytest

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.users.people import get, path, save, score

ODD_IDS = [
    "a/b",
    "/",
    "//a//",
    "a/",
    "stats/",
    "a.b",
    "50%",
    "%2F",
    "a?b#c",
    "a b",
    " ",
    "a+b@x.example",
    "ünï/☃",
    "\U0001f600",
    "line\nbreak",
    "tab\t",
    "\\",
    "'; --",
    "{braces}",
    "x" * 255,
    "\U0001f600" * 255,
]


@pytest.mark.parametrize("user_id", ODD_IDS)
def test_get__an_id_of_any_characters__is_found(merchant: Api, server: Server, user_id: str) -> None:
    event = {"user_id": user_id, "event": "clicked"}
    headers = {"Authorization": f"Bearer {merchant.key}"}
    plain_http.post(f"{server.url}/api/track", json={"events": [event]}, headers=headers, timeout=60)

    response = plain_http.get(server.url + path(user_id), headers=headers, timeout=60)

    assert response.status_code == 200, response.text
    assert response.json()["customer"]["id"] == user_id


def test_get__ids_that_differ_in_case_or_a_slash__are_different_users(merchant: Api) -> None:
    save(merchant, "ada", name="small")
    save(merchant, "Ada", name="great")
    save(merchant, "ada/", name="slash")

    assert [get(merchant, user_id)["name"] for user_id in ("ada", "Ada", "ada/")] == ["small", "great", "slash"]


def test_get__a_scored_user__answers_all_there_is(merchant: Api) -> None:
    save(merchant, "u1")
    reached = '{"came_back": "2026-04-03T00:00:00Z", "forgotten": "2026-04-02T00:00:00Z"}'
    next_action = '{"channel": "webhook", "status": "planned", "playbook": "Win back"}'
    score(
        merchant,
        "u1",
        activation_score=0.25,
        engagement_score=0.5,
        expansion_score=0.75,
        health=0.6,
        risk_level="high",
        lifecycle_stage="at_risk",
        milestones=reached,
        next_action=next_action,
    )

    user = get(merchant, "u1")

    assert (user["activation_score"], user["engagement_score"], user["expansion_score"]) == (0.25, 0.5, 0.75)
    assert (user["health"], user["risk_level"], user["lifecycle_stage"]) == (0.6, "high", "at_risk")
    assert user["next_action"] == {"channel": "webhook", "status": "planned", "playbook": "Win back"}
    assert user["milestones"] == [
        {"name": "identified", "reached_at": None},
        {"name": "came_back", "reached_at": "2026-04-03T00:00:00Z"},
        {"name": "explored", "reached_at": None},
    ]


def test_get__is_one_statement(merchant: Api, statements: list[str]) -> None:
    save(merchant, "u1")
    statements.clear()

    get(merchant, "u1")

    assert len(statements) == 1


@pytest.mark.parametrize("rubbish", ["%00", "%ff", "x" * 256, "..%2f..", "'"])
def test_get__no_such_user__is_404(merchant: Api, server: Server, rubbish: str) -> None:
    headers = {"Authorization": f"Bearer {merchant.key}"}

    response = plain_http.get(f"{server.url}/api/customers/{rubbish}", headers=headers)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_head__a_user__has_no_body(merchant: Api, server: Server) -> None:
    save(merchant, "u1")

    response = plain_http.head(server.url + path("u1"), headers={"Authorization": f"Bearer {merchant.key}"})

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_other_methods__are_405(merchant: Api, method: str) -> None:
    response: Any = merchant.send(method, path("u1"), {})

    assert (response.status_code, response["Allow"]) == (405, "GET, PATCH, DELETE, HEAD, OPTIONS")

"""A roll-out's page says what was asked for in words, and has the buttons that its state allows."""

from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client

from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.rollouts.cast import let_stage_pass, publish, roll_out, steer, work

BUTTONS = {"pause": "pause", "resume": "resume", "roll-back": "rollback"}  # their operations in the API
STATES = ["planned", "running", "paused", "completed", "rolled_back", "aborted", "superseded", "too_old"]


def page_of(rollout_id: str) -> str:
    return f"/admin/integrations/rollout/{quote(rollout_id)}/change/"


def offered(client: Client, rollout_id: str) -> set[str]:
    """The buttons' paths."""
    html = client.get(page_of(rollout_id)).content.decode()
    return {path for path in BUTTONS if f"{quote(rollout_id)}/{path}/" in html}


@pytest.fixture
def integration(acme: Api) -> str:
    registered: str = acme.register()["id"]
    for number in range(4):
        acme.provision(f"shop-{number}")
    publish(acme, registered)
    return registered


def in_state(partner: Api, integration: str, state: str) -> str:
    id: str = roll_out(partner, integration, stages=[{"percent": 50, "wait_minutes": 5}])["id"]
    if state == "planned":
        return id
    work(partner)
    match state:
        case "paused" | "rolled_back":
            steer(partner, id, "pause" if state == "paused" else "rollback")
        case "aborted":
            as_owner("UPDATE integrations_rollout SET status = 'aborted', finished_at = now()")
        case "completed" | "superseded" | "too_old":
            let_stage_pass()
            work(partner)
            if state == "superseded":
                roll_out(partner, integration, revision=1)
            if state == "too_old":
                as_owner("UPDATE integrations_rollout SET finished_at = now() - interval '91 days'")
    return id


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize("state", STATES)
def test_button__of_a_rollout_in_any_state__is_there_if_the_api_allows_it(
    acme: Api, integration: str, operator: Client, state: str, path: str
) -> None:
    id = in_state(acme, integration, state)

    is_offered = path in offered(operator, id)

    assert is_offered == (steer(acme, id, BUTTONS[path]).status_code < 300)


def test_page__of_a_rollout__tells_whom_its_stages_and_its_guard_in_words(
    acme: Api, integration: str, viewer: Client
) -> None:
    stages = [{"percent": 50, "wait_minutes": 30}, {"percent": 75}]
    asked: dict[str, Any] = {"guard": {"max_failure_rate": 0.07, "min_actions": 1000}, "to": {"percent": 80}}
    id = roll_out(acme, integration, stages=stages, **asked)["id"]
    work(acme)

    answer = viewer.get(page_of(id))

    html = answer.content.decode()
    assert "1 of 3" in html  # as the API counts stages
    assert "80 % of those that have the integration" in html
    assert "Stops it if more than 7 % of at least 1,000 actions fail" in html
    assert "0 of 0 actions failed, 0 %" in html
    assert "max_failure_rate" not in html
    _, table = answer.context["tables"]
    assert [row[:3] for row in table.rows] == [(1, "50 %", "30 minutes"), (2, "75 %", "-"), (3, "100 %", "-")]
    states = ["Running", "To come", "To come"]
    assert all(state in row[3] for state, row in zip(states, table.rows, strict=True))


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("all", "All customers that have the integration"),
        ({"customer_ids": 2}, "2 customers that were named"),
        ({"filter": {"plan_tier": "starter"}}, "Customers found by plan_tier"),
    ],
)
def test_page__of_a_rollout_to_some__says_to_whom(
    acme: Api, integration: str, viewer: Client, to: Any, words: str
) -> None:
    if "customer_ids" in to:
        found = acme.get("/api/partners/customers").json()["customers"][:2]
        to = {"customer_ids": [each["tenant_id"] for each in found]}

    id = roll_out(acme, integration, to=to)["id"]

    assert words in viewer.get(page_of(id)).content.decode()

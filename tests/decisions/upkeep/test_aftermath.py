"""What comes of decisions: outcomes reach the model once, the ledger, and the interventions they were for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from decisions.playbooks import runner
from learning.tasks import fold_tenant
from tests.conftest import Api
from tests.decisions.cast import ask, interventions, plan
from tests.decisions.deciding import DECISIONS, acted, example, later, outcome, recommend, reported, settle
from tests.owner import as_owner


@pytest.mark.parametrize(
    ("status", "worth"), [("completed", 1.0), ("partial", 0.5), ("ignored", 0.0), ("rejected", 0.0)]
)
def test_outcome__reported__is_learned_and_in_the_ledger(shop: Api, status: str, worth: float) -> None:
    answer = acted(shop, dispatch=True)
    version = answer["model"]["version"]

    reported(shop, answer, status)

    assert example(shop, answer) == [(answer["action_type_id"], worth, 0.0, None)]
    assert fold_tenant(shop.tenant_id) == 1
    assert recommend(shop)["model"]["version"] == version + 1
    assert (outcome(shop, answer)["status"], outcome(shop, answer)["reward"]) == (status, worth)


def test_outcome__of_what_was_not_reported__is_a_trial_without_reward_when_the_time_is_over(shop: Api) -> None:
    answer = acted(shop, dispatch=True)
    as_owner("UPDATE delivery_action SET attempts = 1, status = 'delivered', delivered_at = now()")
    assert settle(shop, now=later(days=6))["closed"] == 0
    assert outcome(shop, answer)["reward"] is None

    assert settle(shop, now=later(days=7))["closed"] >= 1

    assert example(shop, answer) == [(answer["action_type_id"], None, 0.0, None)]
    fold_tenant(shop.tenant_id)
    assert example(shop, answer) == [(answer["action_type_id"], None, 0.0, 0.0)]
    assert outcome(shop, answer)["reward"] == 0
    reported(shop, answer, "completed")
    fold_tenant(shop.tenant_id)
    assert example(shop, answer) == [(answer["action_type_id"], 1.0, 0.0, 1.0)]


@pytest.mark.parametrize("status", ["failed", "expired"])
def test_outcome__of_what_never_arrived__is_not_learned(shop: Api, status: str) -> None:
    answer = acted(shop, dispatch=True)
    as_owner("UPDATE delivery_action SET status = %(s)s, failure_reason = 'endpoint_gone'", s=status)

    settle(shop, now=later(days=8))

    assert example(shop, answer) == []
    assert outcome(shop, answer)["reward"] is None


# --- Interventions --------------------------------------------------------------------------------------------------


def begin(api: Api) -> int:
    return runner.run_playbooks(tenant_id=api.tenant_id, now=datetime.now(UTC) + timedelta(seconds=1))["begun"]


def until_sent(api: Api) -> dict[str, Any]:
    """An intervention that was sent: a few are decided to be nothing."""
    for _ in range(50):
        intervention_id = plan(api, "u0")
        assert begin(api) == 1
        (found,) = [each for each in interventions(api) if each["id"] == intervention_id]
        if found["status"] == "sent":
            return found
        assert found["status"] == "cancelled"
        assert found["reasoning"]
    raise AssertionError("none was sent")


def test_intervention__begun__is_a_decision_and_an_action(shop: Api) -> None:
    found = until_sent(shop)

    (decision,) = [each for each in shop.get(DECISIONS).json()["decisions"] if each["intervention_id"] == found["id"]]
    assert (found["reasoning"], found["confidence"]) == (decision["reasoning"], decision["confidence"])
    assert shop.get(f"/api/external/actions/{decision['action_id']}").json()["action"]["status"] == "pending"
    assert begin(shop) == 0


@pytest.mark.parametrize(
    ("status", "reported_as", "expected"),
    [
        ("delivered", None, "delivered"),
        ("completed", "completed", "completed"),
        ("completed", "partial", "completed"),
        ("completed", "ignored", "failed"),
        ("failed", None, "failed"),
        ("expired", None, "failed"),
    ],
)
def test_intervention__follows_its_action(shop: Api, status: str, reported_as: str | None, expected: str) -> None:
    found = until_sent(shop)
    as_owner(
        "UPDATE delivery_action SET status = %(s)s, failure_reason = 'endpoint_gone', delivered_at = now(),"
        " outcome_status = %(o)s::text, outcome_at = CASE WHEN %(o)s::text IS NOT NULL THEN now() END",
        s=status,
        o=reported_as,
    )

    assert settle(shop)["interventions"] == 1
    assert settle(shop)["interventions"] == 0

    (now,) = [each for each in interventions(shop) if each["id"] == found["id"]]
    assert now["status"] == expected
    assert now["delivered_at"] is not None


@pytest.mark.parametrize("reported_as", [None, "completed"])
def test_intervention__whose_action_failed_and_arrives_by_a_replay__follows(shop: Api, reported_as: str | None) -> None:
    until_sent(shop)
    as_owner("UPDATE delivery_action SET attempts = 1, status = 'failed', failure_reason = 'endpoint_gone'")
    settle(shop)
    ((action_id,),) = ask(shop, "SELECT id FROM delivery_action")

    assert shop.post(f"/api/external/actions/{action_id}/replay", {}).status_code == 200
    assert settle(shop)["interventions"] == 0
    as_owner("UPDATE delivery_action SET status = 'delivered', delivered_at = now()")
    if reported_as:
        body = {"status": reported_as}
        assert shop.post(f"/api/external/actions/{action_id}/outcome", body).status_code == 200
    assert settle(shop)["interventions"] == 1

    (found,) = [each for each in interventions(shop) if each["sent_at"] is not None]
    assert found["status"] == (reported_as or "delivered")
    assert found["delivered_at"] is not None


def test_intervention__whose_action_is_a_failure_for_good__is_followed_no_more(shop: Api) -> None:
    until_sent(shop)
    as_owner("UPDATE delivery_action SET status = 'delivered', delivered_at = now()")
    settle(shop)
    as_owner("UPDATE delivery_action SET status = 'completed', outcome_status = 'rejected', outcome_at = now()")

    assert [settle(shop)["interventions"] for _ in range(2)] == [1, 0]

    (found,) = [each for each in interventions(shop) if each["sent_at"] is not None]
    assert found["status"] == "failed"


def test_intervention__under_a_kill_switch__waits_and_leaves_no_rows(shop: Api) -> None:
    shop.put("/api/settings/kill-switch", {"active": True})
    plan(shop, "u0")

    assert begin(shop) == 0

    assert [each["status"] for each in interventions(shop)] == ["planned"]
    assert shop.get(DECISIONS).json()["total"] == 0


def test_intervention__in_shadow_mode__is_decided_and_not_sent(shop: Api) -> None:
    shop.put("/api/settings/shadow-mode", {"active": True})
    plan(shop, "u0")

    assert begin(shop) == 1

    (found,) = interventions(shop)
    assert (found["status"], found["reasoning"].endswith("Nothing is sent in shadow mode.")) == ("cancelled", True)
    assert shop.get("/api/external/actions").json()["total"] == 0


def test_intervention__hints__narrow_what_is_chosen_from(shop: Api) -> None:
    made = shop.post(
        "/api/playbooks",
        {
            "name": "P",
            "strategy_hints": {"action_types": ["grant_points"], "parameters": {"grant_points": {"amount": 3}}},
        },
    ).json()["id"]
    shop.put(f"/api/playbooks/{made}", {"entry_conditions": {"user_id": "nobody"}})
    shop.put(f"/api/playbooks/{made}/status", {"status": "active"})
    plan(shop, "u0", playbook_id=made)

    assert begin(shop) == 1

    (decision,) = shop.get(DECISIONS).json()["decisions"]
    found = shop.get(f"{DECISIONS}/{decision['id']}").json()["decision"]
    assert [each["action"] for each in found["candidates"]] == ["grant_points", None]
    assert found["parameters"] in ({"amount": 3}, None)

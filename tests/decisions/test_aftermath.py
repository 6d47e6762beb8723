"""What comes of decisions: outcomes and conversions reach the model once, the ledger, and the lift."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from decisions.aftermath import due
from decisions.guardrails import is_held_out
from decisions.lift import Share, difference
from decisions.playbooks import runner
from learning.evaluation import Logged, evaluate, uniform
from learning.tasks import fold_tenant
from tests.conftest import Api
from tests.decisions.cast import ask, happened, interventions, plan
from tests.decisions.deciding import (
    DECISIONS,
    LIFT,
    acted,
    as_owner,
    configure,
    must_act,
    recommend,
    settle,
    shop_of,
)
from tests.retivo.test_openapi import OPERATIONS, assert_conforms


@pytest.fixture
def shop(acme: Api) -> Api:
    shop = shop_of(acme)
    must_act(shop)
    return shop


def reported(api: Api, answer: dict[str, Any], status: str) -> None:
    """As if it had been sent, and this came of it."""
    as_owner("UPDATE delivery_action SET attempts = 1, status = 'delivered', delivered_at = now()")
    response = api.post(f"/api/external/actions/{answer['action_id']}/outcome", {"status": status})
    assert response.status_code == 200, response.content


def outcome(api: Api, answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{DECISIONS}/{answer['decision_id']}").json()["decision"]["outcome"]
    return found


def example(api: Api, answer: dict[str, Any]) -> Any:
    sql = "SELECT action, outcome, conversion, folded FROM learning_example WHERE decision_id = %(id)s"
    return ask(api, sql, id=answer["decision_id"])


def bought(api: Api, user_id: str, after: timedelta = timedelta(seconds=1), name: str = "bought") -> None:
    at = datetime.now(UTC) + after
    happened(api, user_id, name, at)
    ask(api, "UPDATE events_trackeduser SET last_activity_at = now() WHERE user_id = %(u)s", u=user_id)


def later(**time: float) -> datetime:
    return datetime.now(UTC) + timedelta(**time)


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


def test_conversion__within_its_window__adds_to_the_reward_up_to_1(shop: Api) -> None:
    configure(shop, conversion={"event": "bought", "within_days": 3, "value": 0.7})
    answer = acted(shop, dispatch=True)
    reported(shop, answer, "partial")
    bought(shop, "u0")

    assert settle(shop, now=later(seconds=5))["conversions"] >= 1
    assert settle(shop, now=later(seconds=5))["conversions"] == 0

    assert example(shop, answer) == [(answer["action_type_id"], 0.5, 0.7, None)]
    assert outcome(shop, answer)["reward"] == 1
    assert outcome(shop, answer)["conversion"] == 0.7


def test_conversion__before_or_too_late_or_another_event_or_user__is_none(shop: Api) -> None:
    configure(shop, conversion={"event": "bought", "within_days": 3})
    bought(shop, "u0", -timedelta(hours=1))
    answer = acted(shop)
    bought(shop, "u0", timedelta(days=3, hours=1))
    bought(shop, "u0", name="looked")
    bought(shop, "u1")

    settle(shop, now=later(days=10))

    assert outcome(shop, answer)["converted_at"] is None
    assert outcome(shop, answer)["reward"] == 0


def test_conversion__of_nothing_and_of_the_held_out__counts_for_nothing(shop: Api) -> None:
    configure(shop, conversion={"event": "bought"}, holdout_percent=50)
    user = next(f"h{n}" for n in range(99) if _held_out(shop, f"h{n}"))
    answer = recommend(shop, user)
    bought(shop, user)

    settle(shop, now=later(seconds=5))

    assert example(shop, answer) == [("nothing", None, 1.0, None)]


def test_conversion__that_no_run_noticed__is_found_when_its_window_is_over(shop: Api) -> None:
    """An event out of order leaves its user's last activity as it was."""
    configure(shop, conversion={"event": "bought", "within_days": 3, "value": 0.7})
    answer = acted(shop)
    bought_at = datetime.now(UTC) + timedelta(seconds=1)
    happened(shop, "u0", "bought", bought_at, bought_at + timedelta(hours=1), received_at=later(days=3, hours=23))
    assert settle(shop, now=later(days=3, hours=23))["conversions"] == 0
    assert outcome(shop, answer)["converted_at"] is None

    counts = settle(shop, now=later(days=4))

    assert counts["conversions"] == counts["closed"] >= 1
    assert datetime.fromisoformat(outcome(shop, answer)["converted_at"]) == bought_at
    assert outcome(shop, answer)["reward"] == 0.7
    assert example(shop, answer) == [(answer["action_type_id"], None, 0.7, None)]
    assert settle(shop, now=later(days=4))["conversions"] == 0


def test_conversion__found_before__stays_as_it_was_when_its_window_is_over(shop: Api) -> None:
    configure(shop, conversion={"event": "bought", "value": 0.7})
    answer = acted(shop)
    bought(shop, "u0")
    settle(shop, now=later(seconds=5))
    found = outcome(shop, answer)
    configure(shop, conversion={"event": "bought", "value": 0.2})
    happened(shop, "u0", "bought", datetime.now(UTC))

    assert settle(shop, now=later(days=8))["conversions"] == 0

    assert outcome(shop, answer) == found
    assert found["conversion"] == 0.7


def test_conversion__that_another_config_names__counts_from_then_on(shop: Api) -> None:
    configure(shop, conversion={"event": "bought"})
    answer = acted(shop)
    bought(shop, "u0", name="subscribed")
    settle(shop, now=later(seconds=5))
    assert outcome(shop, answer)["converted_at"] is None

    configure(shop, conversion={"event": "subscribed"})
    settle(shop, now=later(seconds=5))

    assert outcome(shop, answer)["converted_at"] is not None


@pytest.mark.parametrize("days", [0, 8])
def test_conversion__found_by_a_run_that_is_killed__is_found_by_the_next(shop: Api, days: int) -> None:
    configure(shop, conversion={"event": "bought"})
    answer = acted(shop)
    bought(shop, "u0")

    def kill(execute: Any, sql: str, *args: Any) -> Any:
        if "INTO learning_example" in sql:
            raise KeyboardInterrupt
        return execute(sql, *args)

    with connection.execute_wrapper(kill), pytest.raises(KeyboardInterrupt):
        settle(shop, now=later(days=days, seconds=5))
    assert outcome(shop, answer)["converted_at"] is None

    assert settle(shop, now=later(days=days, seconds=5))["conversions"] >= 1

    assert example(shop, answer) == [(answer["action_type_id"], None, 1.0, None)]


def test_conversion__of_an_older_decision__waits_until_it_is_due(shop: Api, statements: list[str]) -> None:
    configure(shop, conversion={"event": "bought"})
    answers = [recommend(shop, f"u{n % 2}") for n in range(5)]
    now = later(seconds=9)
    *_, (after, _), (after_next, _) = due(now, timedelta(days=2))
    as_owner("UPDATE decisions_decision SET created_at = %(at)s", at=after - timedelta(seconds=1))
    newest = recommend(shop, "u0")
    bought(shop, "u0")

    statements.clear()
    assert settle(shop, now=now, batch=1)["conversions"] == 1

    assert sum("), noted AS (" in sql for sql in statements) <= 3 + len(list(due(now, timedelta(days=8))))
    assert [outcome(shop, answer)["converted_at"] for answer in answers] == [None] * 5
    assert outcome(shop, newest)["converted_at"] is not None

    assert settle(shop, now=now + (after - after_next) - timedelta(minutes=1), batch=1)["conversions"] == 3

    converted = [outcome(shop, answer)["converted_at"] for answer in answers]
    assert [at is not None for at in converted] == [True, False, True, False, True]


@pytest.mark.no_database
@pytest.mark.parametrize("second", [0, 17, 59])
def test_due__each_minute_of_a_window__finds_a_decision_seldomer_as_it_ages(second: int) -> None:
    now, window = datetime(2026, 11, 2, tzinfo=UTC), timedelta(days=91)
    spans = [(now - until, now - since) for since, until in due(now, window)]
    minutes = [timedelta(minutes=minute, seconds=second) for minute in range(91 * 24 * 60)]

    looks = [age for age in minutes if any(youngest < age <= oldest for youngest, oldest in spans)]

    assert len(looks) < 300
    assert looks[0] <= timedelta(minutes=1)
    for look, following in pairwise([*looks, window]):
        assert following - look <= look / 10 + timedelta(minutes=3)


def _held_out(api: Api, user_id: str) -> bool:
    if not is_held_out(api.tenant_id, user_id, 50):
        return False
    return bool(api.post("/api/customers", {"user_id": user_id}).status_code == 201)


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


# --- Lift -----------------------------------------------------------------------------------------------------------


def test_lift__treated_and_held_out__each_user_once(shop: Api) -> None:
    configure(shop, conversion={"event": "bought"}, holdout_percent=50)
    converted = {True: 0, False: 0}
    users = {True: 0, False: 0}
    for n in range(30):
        user = f"l{n}"
        shop.post("/api/customers", {"user_id": user})
        for _ in range(2):
            answer = recommend(shop, user)
        is_out = [each["name"] for each in answer["guardrails"]] == ["holdout"]
        users[is_out] += 1
        if n % 3 == 0:
            bought(shop, user)
            converted[is_out] += 1
    settle(shop, now=later(seconds=5))

    found = shop.get(LIFT).json()["lift"]

    assert (found["days"], found["conversion_event"]) == (30, "bought")
    for name, is_out in (("treated", False), ("holdout", True)):
        assert (found[name]["users"], found[name]["converted"]) == (users[is_out], converted[is_out])
        assert found[name]["low"] <= found[name]["rate"] <= found[name]["high"]
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]


def test_lift__nobody_held_out__has_no_difference(shop: Api) -> None:
    recommend(shop)

    found = shop.get(LIFT).json()["lift"]

    assert (found["treated"]["users"], found["holdout"]["rate"], found["difference"]) == (1, None, None)


def test_lift__decided_in_shadow_or_for_the_opted_out__does_not_count(shop: Api) -> None:
    shop.patch("/api/customers/u0", {"opted_out": True})
    recommend(shop)
    shop.put("/api/settings/shadow-mode", {"active": True})
    recommend(shop, "u1")

    assert shop.get(LIFT).json()["lift"]["treated"]["users"] == 0


@pytest.mark.no_database
def test_difference__newcombes_own_example__has_his_interval() -> None:
    """Newcombe (1998), table II: 56/70 and 48/80, method 10: 0.0524 to 0.3339."""
    found = difference(Share(70, 56), Share(80, 48))

    assert found is not None
    assert found["value"] == pytest.approx(0.2)
    assert found["low"] == pytest.approx(0.0524, abs=5e-5)
    assert found["high"] == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize("days", ["0", "366", "x", ""])
def test_lift__rubbish__is_400(shop: Api, days: str) -> None:
    assert shop.get(LIFT, {"days": days}).status_code == 400


# --- Export ---------------------------------------------------------------------------------------------------------


def lines(api: Api, **query: str) -> list[dict[str, Any]]:
    response = api.get(f"{DECISIONS}/export", query)
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-ndjson")
    found = [json.loads(line) for line in response.getvalue().splitlines()]
    content = OPERATIONS["exportDecisions"]["responses"]["200"]["content"]["application/x-ndjson"]
    for line in found:
        assert_conforms(line, content["schema"])
    return found


def test_export__then_evaluation__of_the_policy_that_decided_is_what_it_earned(
    shop: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decisions.ledger.EXPORT_BATCH", 7)
    configure(shop, conversion={"event": "bought"})
    for n in range(30):
        recommend(shop, f"u{n % 3}")
        if n == 15:
            bought(shop, "u1")
    settle(shop, now=later(days=20))

    found = [line for line in lines(shop) if line["drawn"] and line["reward"] is not None]

    assert len(found) == 30
    logged = [
        Logged(
            features={name: value for name, value in line["features"].items() if value is not None},
            actions=line["actions"],
            action=line["action"],
            propensity=line["propensity"],
            reward=line["reward"],
        )
        for line in found
    ]
    by_features = {tuple(line["actions"]): line["propensities"] for line in found}
    estimates = evaluate(
        decisions=logged, policy=lambda _, actions: by_features[tuple(actions)], names=sorted(found[0]["features"])
    )
    mean = sum(line["reward"] for line in found) / len(found)
    assert 0 < mean < 1
    assert estimates["snips"].value == pytest.approx(mean, abs=0.02)
    assert set(evaluate(decisions=logged, policy=uniform, names=["bias"])) == {"ips", "snips", "dr"}
    assert all(line["propensities"][line["actions"].index(line["action"])] == line["propensity"] for line in found)


def test_export__of_a_time__has_what_lies_in_it_oldest_first(shop: Api) -> None:
    made = [recommend(shop)["decision_id"] for _ in range(3)]
    times = [line["created_at"] for line in lines(shop)]

    assert [line["decision_id"] for line in lines(shop)] == made
    assert [line["decision_id"] for line in lines(shop, until=times[2])] == made[:2]
    assert made[2] in [line["decision_id"] for line in lines(shop, since=times[1])]
    assert lines(shop, since="2100-01-01T00:00:00Z") == []
    assert shop.get(f"{DECISIONS}/export", {"since": "yesterday"}).status_code == 400


# --- Evaluation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["current", "uniform", "nothing"])
def test_evaluate_policy__of_the_ledger__prints_three_estimates(
    shop: Api, capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    for n in range(8):
        recommend(shop, f"u{n % 3}")
    settle(shop, now=later(days=20))

    call_command("evaluate_policy", tenant=str(shop.tenant_id), policy=policy)

    first, *estimates = capsys.readouterr().out.splitlines()
    assert first == "decisions: 8, mean reward as they were made: 0.0000"
    assert [line.split()[0] for line in estimates] == ["ips", "snips", "dr"]


def test_evaluate_policy__nothing_known_or_nonsense__says_so(shop: Api) -> None:
    with pytest.raises(CommandError, match="too few"):
        call_command("evaluate_policy", tenant=str(shop.tenant_id))
    recommend(shop)
    recommend(shop)
    settle(shop, now=later(days=20))
    with pytest.raises(CommandError, match="A policy is"):
        call_command("evaluate_policy", tenant=str(shop.tenant_id), policy="best")
    with pytest.raises(CommandError):
        call_command("evaluate_policy", tenant="nobody")

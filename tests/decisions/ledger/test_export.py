"""The ledger as lines, and what another policy would have earned by it."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from learning.evaluation.services import Logged, evaluate, uniform
from tests.conftest import Api
from tests.decisions.deciding import DECISIONS, bought, configure, later, recommend, settle
from tests.retivo.api.test_openapi import OPERATIONS, assert_conforms


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
    monkeypatch.setattr("decisions.ledger.services.EXPORT_BATCH", 7)
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
    assert all("no interval" in line and "of 100" in line for line in estimates)


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

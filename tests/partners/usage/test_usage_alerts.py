"""PUT and GET /api/partners/usage-alerts."""

from typing import Any

import pytest

from events.models import UsageMetric
from tests.conftest import Api
from tests.decisions.cast import ask

PATH = "/api/partners/usage-alerts"
USERS = {"metric": "active_users", "scope": "each_customer", "thresholds": [120, 75, 90]}


def test_alert__that_is_set__is_listed_replaced_and_taken_away(acme: Api, rival: Api) -> None:
    assert acme.get(PATH).json() == {"usage_alerts": [], "total": 0, "next_cursor": None}

    first = acme.put(PATH, USERS)
    assert (first.status_code, first.json()) == (
        200,
        {"usage_alert": {**USERS, "thresholds": [75, 90, 120], "limit": None}},
    )
    cost = {"metric": "action_cost_usd", "scope": "fleet", "thresholds": [50], "limit": "1000.5"}
    answered = acme.put(PATH, cost)
    assert (answered.status_code, answered.json()["usage_alert"]["limit"]) == (200, "1000.500000")
    assert [each["limit"] for each in acme.get(PATH).json()["usage_alerts"]] == ["1000.500000", None]
    acme.put(PATH, {**USERS, "thresholds": [100]})
    acme.put(PATH, {**cost, "thresholds": []})
    assert acme.get(PATH).json()["usage_alerts"] == [{**USERS, "thresholds": [100], "limit": None}]
    assert rival.get(PATH).json()["total"] == 0


def test_alert__that_changes__is_told_and_one_that_does_not__is_not(acme: Api) -> None:
    for thresholds in ([90], [90], [80], [], []):
        assert acme.put(PATH, {**USERS, "thresholds": thresholds}).status_code == 200

    events = ask(
        acme, "SELECT data, previous FROM tenants_partnerevent WHERE type = 'usage_alert.changed' ORDER BY seq"
    )
    assert len(events) == 3
    assert [previous is None for _, previous in events] == [True, False, False]


@pytest.mark.parametrize("metric", UsageMetric.values)
@pytest.mark.parametrize("limit", [{}, {"limit": None}, {"limit": 1000}])
def test_alert__of_any_metric__is_taken_away_without_its_limit(acme: Api, metric: str, limit: dict[str, Any]) -> None:
    asked = {"metric": metric, "scope": "fleet", "thresholds": [50]}
    assert acme.put(PATH, {**asked, "limit": 1000}).status_code == 200

    gone = acme.put(PATH, {**asked, "thresholds": [], **limit})

    assert (gone.status_code, gone.json()["usage_alert"]["thresholds"]) == (200, [])
    assert acme.get(PATH).json()["total"] == 0


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"metric": "logins"}, "/metric"),
        ({"scope": "all"}, "/scope"),
        ({"thresholds": [0]}, "/thresholds/0"),
        ({"thresholds": [1001]}, "/thresholds/0"),
        ({"thresholds": [50, 50]}, "/thresholds"),
        ({"thresholds": list(range(1, 12))}, "/thresholds"),
        ({"thresholds": 50}, "/thresholds"),
        ({"thresholds": ["50"]}, "/thresholds/0"),
        ({"metric": "events"}, "/limit"),
        ({"metric": "events", "limit": 0}, "/limit"),
        ({"metric": "events", "limit": "1.5"}, "/limit"),
        ({"metric": "events", "limit": True}, "/limit"),
        ({"metric": "events", "limit": "1" * 13}, "/limit"),
        ({"email": "a@b.example"}, "/email"),
    ],
)
def test_alert__that_is_none__is_refused(acme: Api, change: dict[str, Any], pointer: str) -> None:
    answer = acme.put(PATH, USERS | change)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("limit", "code"),
    [(-5, "min_value"), (0, "min_value"), ("-0.5", "min_value"), ("1.5", "not_an_integer"), ("much", "invalid")],
)
def test_set__limit_that_is_none__says_what_is_wrong_with_it(acme: Api, limit: Any, code: str) -> None:
    answer = acme.put(PATH, USERS | {"metric": "events", "limit": limit})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)

"""Conversions: which events are one, when they are found, and that each counts once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from decisions.recommending.guardrails import is_held_out
from decisions.upkeep.aftermath import due
from tests.conftest import Api
from tests.decisions.cast import happened
from tests.decisions.deciding import acted, bought, configure, example, later, outcome, recommend, reported, settle
from tests.owner import as_owner


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


def test_conversion__while_the_noted_activity_is_minutes_old__is_found(shop: Api) -> None:
    configure(shop, conversion={"event": "bought", "within_days": 3, "value": 0.7})
    answer = acted(shop)
    bought(shop, "u0")
    as_owner("UPDATE events_trackeduser SET last_activity_at = now() - interval '4 minutes'")

    settle(shop, now=later(seconds=5))

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
        if "report_decisions(" in sql:
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

"""When one who is in a playbook is intervened with: cooldowns, maxima, quiet hours, approval, and win-back."""

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Api
from tests.decisions.cast import DAY, NOON, ask, change, interventions, is_in, person, playbook, run


def leave_and_return(api: Api, user_id: str, now: Any) -> dict[str, int]:
    change(api, user_id, lifecycle_stage="at_risk")
    run(api, now)
    change(api, user_id, lifecycle_stage="active")
    return run(api, now)


def send(api: Api) -> None:
    """What was planned was sent, so that leaving does not cancel it."""
    ask(api, "UPDATE decisions_intervention SET status = 'sent' WHERE status = 'planned'")


def test_cooldown__entered_again_too_early__is_intervened_with_when_it_is_over(merchant: Api) -> None:
    person(merchant, "a")
    playbook(merchant, constraints={"cooldown_days": 10})
    run(merchant)
    send(merchant)

    assert leave_and_return(merchant, "a", NOON + 9 * DAY)["planned"] == 0
    assert run(merchant, NOON + 9.99 * DAY)["planned"] == 0
    assert run(merchant, NOON + 10 * DAY)["planned"] == 1


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ({}, [1, 1, 1, 1]),
        ({"max_per_user": 2}, [1, 1, 0, 0]),
        ({"max_per_user": 2, "period_days": 3}, [1, 1, 0, 1]),
        ({"period_days": 2}, [1, 0, 1, 0]),
    ],
)
def test_maximum__entered_once_a_day__is_kept(merchant: Api, constraints: Any, expected: list[int]) -> None:
    person(merchant, "a")
    playbook(merchant, constraints=constraints)
    planned = []
    for day in range(4):
        planned.append(leave_and_return(merchant, "a", NOON + day * DAY)["planned"])
        send(merchant)

    assert planned == expected


def test_maximum__one_that_was_rejected__does_not_count(merchant: Api) -> None:
    person(merchant, "a")
    playbook(merchant, constraints={"max_per_user": 1, "cooldown_days": 100})
    run(merchant)
    ask(merchant, "UPDATE decisions_intervention SET status = 'rejected'")

    assert leave_and_return(merchant, "a", NOON + DAY)["planned"] == 1


@pytest.mark.parametrize(
    ("zone", "hours", "is_planned"),
    [
        (None, ("22:00", "08:00"), True),
        (None, ("11:59", "12:01"), False),
        (None, ("12:00", "12:01"), False),
        (None, ("11:00", "12:00"), True),
        (None, ("12:00", "12:00"), True),
        ("Asia/Tokyo", ("21:00", "08:00"), False),  # 21:00 there
        ("Asia/Tokyo", ("21:01", "08:00"), True),
        ("America/New_York", ("06:00", "08:00"), False),  # 07:00 there
        ("no/such zone'", ("11:59", "12:01"), False),
        (5, ("11:59", "12:01"), False),
        ({"a": 1}, ("11:59", "12:01"), False),
    ],
)
def test_quiet_hours__in_the_users_own_zone__are_kept(
    merchant: Api, zone: Any, hours: tuple[str, str], is_planned: bool
) -> None:
    person(merchant, "a", traits={} if zone is None else {"timezone": zone})
    playbook(merchant, constraints={"quiet_hours": {"from": hours[0], "to": hours[1]}})

    assert run(merchant)["planned"] == is_planned


def test_quiet_hours__user_names_no_zone__go_by_the_tenants(acme: Api) -> None:
    merchant = acme.provision("tokyo", config={"timezone": "Asia/Tokyo"})
    person(merchant, "a")
    playbook(merchant, constraints={"quiet_hours": {"from": "21:00", "to": "08:00"}})

    assert run(merchant)["planned"] == 0
    assert run(merchant, NOON + timedelta(hours=11))["planned"] == 1


def test_needs_approval__planned__waits_and_says_so_in_the_users_next_action(merchant: Api) -> None:
    person(merchant, "a")
    playbook(merchant, name="Ask first", constraints={"needs_approval": True})

    run(merchant)

    assert [found["status"] for found in interventions(merchant)] == ["awaiting_approval"]
    ((action,),) = ask(merchant, "SELECT next_action::text::jsonb FROM events_trackeduser")
    assert action == '{"status": "awaiting_approval", "channel": "external_action", "playbook": "Ask first"}'


# --- Win-back -------------------------------------------------------------------------------------------------------


def test_win_back__by_default__comes_7_30_and_60_days_after_churn(merchant: Api) -> None:
    person(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON)
    playbook(merchant, lifecycle_area="win_back", entry_conditions={})

    planned = [day for day in range(100) if run(merchant, NOON + day * DAY)["planned"]]

    assert planned == [7, 30, 60]


def test_win_back__comes_back_and_churns_again__begins_anew(merchant: Api) -> None:
    person(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON)
    made = playbook(merchant, lifecycle_area="win_back", entry_conditions={}, constraints={"delays_days": [2, 1]})
    assert [day for day in range(5) if run(merchant, NOON + day * DAY)["planned"]] == [1, 2]

    change(merchant, "a", lifecycle_stage="recovered", stage_changed_at=NOON + 5 * DAY)
    run(merchant, NOON + 5 * DAY)
    assert is_in(merchant, made) == set()

    change(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON + 6 * DAY)
    assert [day for day in range(6, 12) if run(merchant, NOON + day * DAY)["planned"]] == [7, 8]


def test_win_back__churned_again_between_two_runs__is_another_churn(merchant: Api) -> None:
    person(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON)
    playbook(merchant, lifecycle_area="win_back", entry_conditions={})
    run(merchant, NOON + 7 * DAY)

    change(merchant, "a", stage_changed_at=NOON + 8 * DAY)

    assert run(merchant, NOON + 9 * DAY)["cancelled"] == 1
    assert run(merchant, NOON + 15 * DAY)["planned"] == 1


def test_win_back__enters_again_for_the_same_churn__does_not_begin_anew(merchant: Api) -> None:
    person(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON)
    playbook(merchant, lifecycle_area="win_back", entry_conditions={"health": {"lt": 0.5}})
    assert run(merchant, NOON + 7 * DAY)["planned"] == 1

    for health in (0.9, 0.1):
        change(merchant, "a", health=health)
        assert run(merchant, NOON + 8 * DAY)["planned"] == 0
    assert run(merchant, NOON + 30 * DAY)["planned"] == 1


def test_win_back__churned_long_before__gets_the_last_step_alone(merchant: Api) -> None:
    person(merchant, "a", lifecycle_stage="churned", stage_changed_at=NOON - 40 * DAY)
    person(merchant, "b", lifecycle_stage="active", stage_changed_at=NOON - 40 * DAY)
    playbook(merchant, lifecycle_area="win_back", entry_conditions={})

    assert run(merchant)["planned"] == 1
    assert ask(merchant, "SELECT user_id, step FROM decisions_intervention") == [("a", 2)]

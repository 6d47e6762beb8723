"""Each formula by numbers worked out by hand, then all of them against plain Python on random histories."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.scoring.formulas import Milestone, Thresholds, faults, thresholds
from tests.conftest import Api
from tests.events.cast import event, track
from tests.events.scoring.reference import History, configure, query, reference, rescore, score, user, write

SCORES = ("activation_score", "engagement_score", "expansion_score", "health")


def near(value: float) -> Any:
    """To the four decimals that are stored."""
    return pytest.approx(value, abs=0.0001)


# --- Worked examples (the same as in docs/scores.md) ----------------------------------------------------------------

ANNA = History(events=[(10, "a"), (6, "b"), (3, "c"), (1, "a")], age=10)


def test_activation__two_of_three_milestones__is_two_thirds(merchant: Api) -> None:
    anna = score(merchant, ANNA)

    assert anna["activation_score"] == near(2 / 3)
    assert anna["milestones"] == {"came_back": "2026-03-09T12:00:00.000000Z", "explored": "2026-03-12T12:00:00.000000Z"}


def test_engagement__four_days_three_events_a_day_ago__is_as_worked_out(merchant: Api) -> None:
    # 0.3 × 4/7 + 0.3 × 3/5 + 0.2 × 0.5^(1/7) + 0.2 × 3/3
    assert score(merchant, ANNA)["engagement_score"] == near(0.7326)


def test_health__of_the_same_user__is_as_worked_out(merchant: Api) -> None:
    anna = score(merchant, ANNA)

    # 0.4 × 0.7326 + 0.2 × 0.9057 + 0.2 × min(3 days / 1 day, 1) + 0.2 × 2/3
    assert anna["health"] == near(0.8075)
    assert (anna["lifecycle_stage"], anna["risk_level"]) == ("active", "low")


def test_expansion__at_90_percent_of_the_plan_with_two_gate_hits__is_as_worked_out(merchant: Api) -> None:
    history = History(
        events=[(1, "feature_gate_hit"), (2, "feature_gate_hit")], traits={"plan_usage": 90, "plan_limit": 100}
    )
    # (0.4 × (0.9 − 0.5) / 0.5 + 0.4 × 2/3) / 0.8; no signals are configured
    assert score(merchant, history)["expansion_score"] == near(0.7333)


def test_expansion__with_a_configured_signal_seen__counts_it(merchant: Api) -> None:
    configure(merchant, {"expansion": {"signals": ["pricing_viewed", "seat_added"]}})

    # No traits: (0.4 × 0 + 0.2 × 1/2) / 0.6
    assert score(merchant, History(events=[(1, "seat_added")]))["expansion_score"] == near(0.1667)


def test_scores__over_the_real_api__are_as_worked_out(merchant: Api) -> None:
    now = datetime.now(UTC)
    sent = [(8.5, "$identify"), (8.5, "a"), (4.5, "b"), (2, "c"), (2, "d")]
    track(merchant, *(event("u", name, timestamp=(now - timedelta(days=d)).isoformat()) for d, name in sent))

    rescore(merchant, "u", now=now)

    found = user(merchant, "u")
    assert found["activation_score"] == 1
    # 0.3 × 3/7 + 0.3 × 4/5 + 0.2 × 0.5^(2/7) + 0.2 × 2/3: day 7 was due 1.5 days ago, the last activity was before
    assert found["engagement_score"] == near(0.1286 + 0.24 + 0.1641 + 0.1333)
    assert found["lifecycle_stage"] == "active"


# --- Edges ----------------------------------------------------------------------------------------------------------


def test_user_without_events__is_new_and_scores_nothing(merchant: Api) -> None:
    found = score(merchant, History(age=400))

    assert [found[name] for name in SCORES] == [0, 0, 0, 0]
    assert (found["lifecycle_stage"], found["risk_level"], found["milestones"]) == ("new", "medium", {})
    assert found["scored_at"] is not None


def test_first_day__no_retention_day_due__means_the_other_parts_count(merchant: Api) -> None:
    # (0.3 × 1/7 + 0.3 × 1/5 + 0.2 × 1) / 0.8
    assert score(merchant, History(events=[(0, "a")], age=0))["engagement_score"] == near(0.3786)


def test_event_ahead_of_its_time__counts_as_now(merchant: Api) -> None:
    write(merchant, {"ahead": History(events=[(-0.9, "a")], age=20), "now": History(events=[(0, "a")], age=20)})

    rescore(merchant, "ahead", "now")

    ahead, now = user(merchant, "ahead"), user(merchant, "now")
    assert ahead["engagement_score"] == now["engagement_score"] == near(0.3 / 7 + 0.06 + 0.2 + 0.2)
    assert ahead["milestones"] == now["milestones"]


def test_event_of_1970__is_no_error(merchant: Api) -> None:
    found = score(merchant, History(events=[(20_500, "a")]))

    assert (found["engagement_score"], found["lifecycle_stage"]) == (0, "churned")


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"plan_usage": 50, "plan_limit": 100}, 0),
        ({"plan_usage": 75, "plan_limit": 100}, 0.25),
        ({"plan_usage": 300, "plan_limit": 100}, 0.5),
        ({"plan_usage": 10**400, "plan_limit": 1e-300}, 0.5),
        ({"plan_usage": -5, "plan_limit": 10**400}, 0),
        ({"plan_usage": 5, "plan_limit": 0}, 0),
        ({"plan_usage": 5, "plan_limit": -1}, 0),
        ({"plan_usage": "90", "plan_limit": 100}, 0),
        ({"plan_usage": True, "plan_limit": 100}, 0),
        ({"plan_usage": 90}, 0),
        ({"plan_usage": None, "plan_limit": [1]}, 0),
    ],
)
def test_expansion__whatever_the_traits__is_no_error(merchant: Api, traits: dict[str, Any], expected: float) -> None:
    """No gate hits: half of the weight that is known."""
    assert score(merchant, History(events=[(1, "a")], traits=traits))["expansion_score"] == near(expected)


def test_milestone__reached__stays_reached_when_its_events_are_gone(merchant: Api) -> None:
    score(merchant, ANNA)
    query(merchant, "DELETE FROM events_event")

    rescore(merchant, "u")

    assert user(merchant, "u")["activation_score"] == near(2 / 3)


def test_milestone__imported_history__is_seen_however_old_its_events_are(merchant: Api) -> None:
    configure(merchant, {"milestones": [{"name": "third_order", "event": "order", "count": 3}]})
    track(merchant, *(event("u", "order", timestamp=f"2020-01-0{n}T00:00:00Z") for n in range(1, 4)))

    rescore(merchant, "u", now=datetime.now(UTC))

    assert user(merchant, "u")["milestones"] == {"third_order": "2020-01-03T00:00:00.000000Z"}


# --- Overriding -----------------------------------------------------------------------------------------------------


def test_thresholds__of_the_tenant__change_the_scores_of_its_users_alone(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    configure(merchant, {"engagement": {"target_active_days": 4, "weights": {"breadth": 0, "recency": 0}}})

    assert score(merchant, ANNA)["engagement_score"] == 1
    assert score(other, ANNA)["engagement_score"] == near(0.7326)


def test_thresholds__invalid_in_a_stored_config__keep_the_defaults_of_that_section(
    merchant: Api, caplog: pytest.LogCaptureFixture
) -> None:
    configure(merchant, {"engagement": {"half_life_days": -1}, "milestones": [{"name": "a", "event": "a"}]})

    found = score(merchant, ANNA)

    assert found["engagement_score"] == near(0.7326)
    assert found["milestones"].keys() == {"a"}
    assert "/scores/engagement/half_life_days" in caplog.text


@pytest.mark.parametrize("scores", [None, [], "x", {"x": 1}, {"stages": None}])
def test_thresholds__of_another_shape__are_the_defaults(merchant: Api, scores: Any) -> None:
    configure(merchant, scores)

    assert score(merchant, ANNA)["engagement_score"] == near(0.7326)


@pytest.mark.parametrize(
    ("scores", "pointer"),
    [
        ([], ""),
        ({"speed": 1}, "/speed"),
        ({"engagement": None}, "/engagement"),
        ({"engagement": {"half_life_days": 0}}, "/engagement/half_life_days"),
        ({"engagement": {"half_life_days": "7"}}, "/engagement/half_life_days"),
        ({"engagement": {"half_life_days": True}}, "/engagement/half_life_days"),
        ({"engagement": {"half_life_days": 1e308}}, "/engagement/half_life_days"),
        ({"engagement": {"target_active_days": 15}}, "/engagement/target_active_days"),
        ({"engagement": {"retention_days": [1, -3]}}, "/engagement/retention_days/1"),
        ({"engagement": {"half_live": 1}}, "/engagement/half_live"),
        ({"engagement": {"weights": {"recency": -1}}}, "/engagement/weights/recency"),
        ({"engagement": {"weights": {"speed": 1}}}, "/engagement/weights/speed"),
        ({"expansion": {"weights": {"limit": 0, "gates": 1e-9, "signals": 0}}}, "/expansion/weights"),
        ({"expansion": {"signals": [""]}}, "/expansion/signals/0"),
        ({"milestones": []}, "/milestones"),
        ({"milestones": [{"event": "a"}]}, "/milestones/0/name"),
        ({"milestones": [{"name": "a"}]}, "/milestones/0"),
        ({"milestones": [{"name": "a", "event": "a", "distinct_events": 2}]}, "/milestones/0"),
        ({"milestones": [{"name": "a", "event": "a"}, {"name": "a", "event": "b"}]}, "/milestones/1/name"),
        ({"stages": {"at_risk_after_days": 30}}, "/stages"),
        ({"health": {"high_risk_below": 0.9}}, "/health"),
    ],
)
@pytest.mark.no_database
def test_faults__what_is_not_valid__is_named_by_its_pointer(scores: Any, pointer: str) -> None:
    assert [fault["pointer"] for fault in faults(scores)] == [pointer]


@pytest.mark.no_database
def test_faults__in_several_sections__names_each() -> None:
    found = faults({"stages": {"x": 1}, "health": 5})

    assert {fault["pointer"] for fault in found} == {"/stages/x", "/health"}


@pytest.mark.no_database
@pytest.mark.parametrize("scores", [None, {}])
def test_faults__nothing_said__are_none(scores: Any) -> None:
    assert faults(scores) == []
    assert thresholds(scores) == Thresholds()


def test_config__with_a_fault_in_its_scores__is_refused_where_it_is_sent(acme: Api, merchant: Api) -> None:
    config = {"scores": {"engagement": {"half_life_days": 0}}}

    for response in (
        merchant.patch("/api/settings", {"config": config}),
        acme.post("/api/partners/customers", {"name": "M", "slug": "m2", "config": config}),
    ):
        assert response.status_code == 400
        assert [error["pointer"] for error in response.json()["errors"]] == ["/config/scores/engagement/half_life_days"]


# --- Against plain Python -------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "$identify", "feature_gate_hit", "seat_added"])
# Quarters of a day, and none on a boundary of a window, where a float would decide.
DAYS = st.integers(-3, 180).map(lambda quarters: quarters / 4 + 0.01)
HISTORIES = st.builds(
    History,
    events=st.lists(st.tuples(DAYS, NAMES), max_size=25),
    age=DAYS.map(lambda days: max(days, 0.0)),
    traits=st.fixed_dictionaries({}, optional={"plan_usage": st.integers(-10, 200), "plan_limit": st.integers(-1, 99)}),
    stage=st.sampled_from(["new", "onboarding", "active", "at_risk", "churned", "recovered"]),
    stage_age=DAYS.map(lambda days: max(days, 0.0)),
)
OTHER = thresholds(
    {
        "milestones": [
            {"name": "third_a", "event": "a", "count": 3},
            {"name": "first_b", "event": "b"},
            {"name": "also_b", "event": "b", "count": 2},
            {"name": "five", "distinct_events": 5},
            {"name": "third_day", "returned_after_days": 3},
        ],
        "engagement": {"target_active_days": 3, "half_life_days": 0.5, "retention_days": [0.5, 2, 40]},
        "expansion": {"signals": ["seat_added", "e"], "limit_from": 0, "weights": {"gates": 0}},
        "health": {"weights": {"trend": 5}, "high_risk_below": 0.5},
        "stages": {"at_risk_after_days": 3, "churned_after_days": 9, "recovered_for_days": 2},
    }
)

numbers = itertools.count()


@pytest.mark.parametrize("thresholds", [Thresholds(), OTHER], ids=["defaults", "overridden"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories=st.lists(HISTORIES, min_size=5, max_size=20))
def test_sql__on_random_histories__agrees_with_python(
    merchant: Api, thresholds: Thresholds, histories: list[History]
) -> None:
    if thresholds is OTHER:
        configure(merchant, _as_config(thresholds))
    named = {f"user-{next(numbers)}": history for history in histories}
    write(merchant, named)

    rescore(merchant, *named)

    for user_id, history in named.items():
        found, expected = user(merchant, user_id), reference(history, thresholds)
        assert all(0 <= found[name] <= 1 for name in SCORES)
        assert {**found, "milestones": sorted(found["milestones"])} == found | {
            name: near(value) if isinstance(value, float) else value for name, value in expected.items()
        }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES, more=st.lists(st.tuples(DAYS, NAMES), min_size=1, max_size=8))
def test_more_activity__never_lowers_engagement_activation_or_expansion(
    merchant: Api, history: History, more: list[tuple[float, str]]
) -> None:
    """Of a user whose first sight stays the same."""
    less = History(history.events, age=60, traits=history.traits)
    named = {f"less-{(n := next(numbers))}": less, f"more-{n}": History(less.events + more, 60, less.traits)}
    write(merchant, named)

    rescore(merchant, *named)

    before, after = (user(merchant, user_id) for user_id in named)
    for name in ("engagement_score", "activation_score", "expansion_score"):
        assert after[name] >= before[name]


def _as_config(thresholds: Thresholds) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Milestone):
            return {name: v for name in value.__struct_fields__ if (v := getattr(value, name)) is not None}
        if hasattr(value, "__struct_fields__"):
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    found: dict[str, Any] = plain(thresholds)
    return found

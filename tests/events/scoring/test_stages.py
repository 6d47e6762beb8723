"""The table of stages: a row each, then all of it over every combination of what it asks."""

import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from events.models import LifecycleStage
from events.scoring import formulas
from events.scoring.formulas import Thresholds
from tests.conftest import Api
from tests.events.scoring.reference import NOW, History, configure, query, reference_stage, rescore, score, user, write

DOCS = Path(__file__).parents[3] / "docs" / "scores.md"

BUSY = [(float(days), name) for days in range(1, 9) for name in "abc"]
QUIET = [(days + 14, name) for days, name in BUSY]
GONE = [(days + 30, name) for days, name in BUSY]
# Activated long ago, barely there now.
SLACK = [(8.0, "a")]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        # A row of TRANSITIONS each, in its order.
        (History(stage="churned"), "new"),
        (History(GONE, stage="active"), "churned"),
        (History(QUIET, stage="recovered", stage_age=1), "at_risk"),
        (History(BUSY, stage="churned", stage_age=5), "recovered"),
        (History(BUSY, stage="recovered", stage_age=13.9), "recovered"),
        (History([(8, "a"), (8, "b"), (8, "c")], stage="active"), "active"),
        (History([(10, "a"), (10, "b"), (10, "c")], age=30, stage="active"), "active"),
        (History(BUSY, stage="recovered", stage_age=14), "active"),
        (History(BUSY, stage="at_risk"), "active"),
        (History([(1, "a")], stage="at_risk"), "onboarding"),
        (History([(1, "a")], stage="new"), "onboarding"),
        (History([(0.1, "a")], age=0.1, stage="new"), "new"),
        # And some that none of them is about alone.
        (History([(0.1, "a")], age=0.1, stage="onboarding"), "onboarding"),
        (History([(0.1, "a")], age=0.1, stage="active"), "active"),
        (History([(29.9, "a")], stage="churned"), "at_risk"),
        (History(GONE, stage="new"), "churned"),
        # Called churned too soon, by a threshold of before or an event that came late: put right, not recovered.
        (History(BUSY, stage="churned", stage_age=0.5), "active"),
    ],
)
def test_stage__of_a_history__is(merchant: Api, history: History, expected: str) -> None:
    found = score(merchant, history)

    assert found["lifecycle_stage"] == expected
    assert rescore(merchant, "u") == 0


def test_stage__activated_and_slack__is_at_risk(merchant: Api) -> None:
    """One active day of 14, six days ago: 0.3/7 + 0.3/5 + 0.2 × 0.5^(8/7) + 0.2 = 0.393 < 0.4."""
    write(merchant, {"u": History(SLACK, stage="active")})
    query(merchant, 'UPDATE events_trackeduser SET milestones = \'{"identified": "2026-01-01T00:00:00Z"}\'')

    rescore(merchant, "u")

    assert (user(merchant, "u")["lifecycle_stage"], user(merchant, "u")["risk_level"]) == ("at_risk", "medium")


def test_change__is_recorded_with_its_time_once(merchant: Api) -> None:
    write(merchant, {"u": History(BUSY)})
    rescore(merchant, "u")
    later = NOW + timedelta(days=29.5)
    rescore(merchant, "u", now=later)
    rescore(merchant, "u", now=later)

    found = query(merchant, "SELECT changed_at, from_stage, to_stage FROM events_stagechange ORDER BY 1")

    assert found == [(NOW, "new", "active"), (later, "active", "churned")]
    ((changed_at,),) = query(merchant, "SELECT stage_changed_at FROM events_trackeduser")
    assert changed_at == later


def test_change__of_the_scores_alone__leaves_the_stages_time(merchant: Api) -> None:
    write(merchant, {"u": History(BUSY)})
    rescore(merchant, "u")

    assert rescore(merchant, "u", now=NOW + timedelta(days=1)) == 1

    assert query(merchant, "SELECT stage_changed_at FROM events_trackeduser") == [(NOW,)]
    assert query(merchant, "SELECT count(*) FROM events_stagechange") == [(1,)]


def test_history__when_its_user_is_erased__goes_along(merchant: Api) -> None:
    score(merchant, History(BUSY))
    assert query(merchant, "SELECT count(*) FROM events_stagechange") == [(1,)]

    query(merchant, "DELETE FROM events_trackeduser")

    assert query(merchant, "SELECT count(*) FROM events_stagechange") == [(0,)]


def test_thresholds__of_the_tenant__move_the_stages(merchant: Api) -> None:
    configure(merchant, {"stages": {"at_risk_after_days": 0.5, "churned_after_days": 0.9}})

    assert score(merchant, History(BUSY))["lifecycle_stage"] == "churned"


def test_table__over_every_combination__is_total_stable_and_agrees_with_python() -> None:
    combinations = list(
        itertools.product(
            list(LifecycleStage),
            [None, 0.0, 13.9, 14.0, 29.9, 30.0, 400.0],  # days since the last activity
            [0.5, 13.9, 14.0, 50.0],  # days since the stage changed
            [0.0, 1 / 3, 0.5, 1.0],  # activation
            [0.0, 0.39, 0.4, 1.0],  # engagement
            [False, True],  # active on a later day than the first
        )
    )

    staged = _stages(combinations)
    again = _stages(
        [(to, c[1], 0.0 if to != c[0] else c[2], *c[3:]) for to, c in zip(staged, combinations, strict=True)]
    )

    assert again == staged
    for (stage, idle, age, activation, engagement, later_day), to in zip(combinations, staged, strict=True):
        assert to == reference_stage(
            stage=stage,
            idle=idle,
            returned=idle is not None and idle < age,
            stage_age=age,
            activation=activation,
            engagement=engagement,
            later_day=later_day,
            t=Thresholds(),
        )
    assert {to for _, _, to in formulas.TRANSITIONS} == set(staged) == set(LifecycleStage)


def test_docs__show_the_table_as_it_is() -> None:
    rows = re.findall(r"^\| \d+ \| (.+?) \| `(\w+)` \| (\w+) \|", DOCS.read_text(), flags=re.MULTILINE)

    assert rows == [
        (
            "any" if t.stages == formulas.ANY else ", ".join(s for s in LifecycleStage if s in t.stages),
            t.condition,
            t.to,
        )
        for t in formulas.TRANSITIONS
    ]


def _stages(combinations: list[tuple[Any, ...]]) -> list[str]:
    """The CASE itself, over facts made up."""
    parameters = formulas.parameters(Thresholds()) | {"now": NOW, "first": NOW.date() - timedelta(days=500)}
    values = []
    for index, (stage, idle, age, activation, engagement, later_day) in enumerate(combinations):
        last = "NULL::timestamptz" if idle is None else f"%(now)s - interval '1 day' * {idle}"
        values.append(
            f"({index}, '{stage}', %(now)s - interval '1 day' * {age}, {last},"
            f" {'NULL' if idle is None else idle}::float8, {activation}::float8, {engagement}::float8, {later_day})"
        )
    sql = f"""
        SELECT {formulas.STAGE}
        FROM (VALUES {", ".join(values)}) AS v
                (n, stage, changed_at, last_at, days_since, activation, engagement, later_day)
        CROSS JOIN LATERAL (SELECT v.stage AS lifecycle_stage, v.changed_at AS stage_changed_at) b
        CROSS JOIN LATERAL (SELECT v.last_at, v.days_since, %(first)s AS first_day,
                                   %(first)s + v.later_day::int AS last_day) s
        CROSS JOIN LATERAL (SELECT v.activation) p
        CROSS JOIN LATERAL (SELECT v.engagement) h
        ORDER BY n
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]

"""What is said of a contest: who was first, by how much, and whether a goal was reached."""

from pathlib import Path

import numpy as np
import pytest

from bench.contest import figures, picture
from bench.contest.play import SETTINGS, Played
from bench.contest.running import Contest

pytestmark = pytest.mark.no_database


def tenant(captured: float, confidence: float | None = None, world: str = "own") -> Played:
    """It captured the same at each step, and half of its choices were the best ones."""
    stated = None if confidence is None else np.full(10, confidence)
    return Played(dict.fromkeys(SETTINGS[world].steps, captured), stated, np.array([0.0, 1.0] * 5))


@pytest.fixture
def contest() -> Contest:
    return {
        "own": {
            "retivo": [tenant(0.5, 0.5), tenant(0.6, 0.5)],
            "linucb-1": [tenant(0.52), tenant(0.6)],
            "vw-squarecb": [tenant(0.1), tenant(0.2)],
        },
        "change": {"retivo": [tenant(0.3, 0.9, "change")] * 2, "linucb-1": [tenant(0.1, world="change")] * 2},
        "many": {"retivo": [tenant(0.3, 0.9, "many")] * 2, "linucb-1": [tenant(0.9, world="many")] * 2},
    }


def test_goals__of_a_contest__name_who_was_first(contest: Contest) -> None:
    found = {each.name: (each.value, each.unit, each.ok) for each in figures.goals(contest)}

    assert found == {
        "own, behind the first at 500": (0.01, "of 1, first: linucb-1", True),
        "own, behind the first at 2,000": (0.01, "of 1, first: linucb-1", True),
        "own, calibration error": (0.0, "of 1", True),
        "change, behind the first at 500": (0.0, "of 1, first: retivo", True),
        "change, behind the first at 2,000": (0.0, "of 1, first: retivo", True),
        "change, captured in 2,000 after": (0.3, "of 1, first: retivo", False),
        "change, calibration error": (0.4, "of 1", False),
    }


def test_goals__of_policies_with_the_same_users__have_the_error_of_the_differences(contest: Contest) -> None:
    found = {each.name: each.error for each in figures.goals(contest)}

    assert found["own, behind the first at 500"] == 0.01  # of .02 and .00
    assert found["change, captured in 2,000 after"] == 0.0


def test_goals__too_far_behind_the_first__are_missed() -> None:
    contest: Contest = {"own": {"retivo": [tenant(0.5, 0.5)], "linucb-1": [tenant(0.52)]}}

    assert [each.ok for each in figures.goals(contest)] == [False, False, True]


def test_figures__of_a_contest__are_of_all_policies_with_their_errors(contest: Contest) -> None:
    found = {each.name: each for each in figures.of(contest)}

    assert found["own, captured at 2,000: retivo"].value == 0.55
    assert found["own, captured at 2,000: retivo"].error == 0.05
    assert found["own, captured at 100: vw-squarecb"].value == 0.15
    assert found["change, calibration error: retivo"].value == 0.4
    assert "own, calibration error: linucb-1" not in found


def test_figures__of_one_tenant__have_no_error() -> None:
    found = figures.of({"own": {"retivo": [tenant(0.5)]}})

    assert [each.error for each in found] == [None] * 3


def test_curve__of_tenants_of_several_sizes__is_of_those_that_got_so_far() -> None:
    none = np.zeros(0)
    small, large = Played({50: 0.2}, None, none), Played({50: 0.4, 100: 0.8}, None, none)
    found = figures.curve([small, large])

    np.testing.assert_allclose(found[50], (0.3, 0.1))
    assert found[100][0] == 0.8
    assert np.isnan(found[100][1])


def test_table__of_a_contest__marks_who_was_first(contest: Contest) -> None:
    lines = figures.table(contest).splitlines()

    assert lines[0].split() == ["own,", "2", "tenants", "at", "100", "at", "500", "at", "2,000", "calibration"]
    assert [line.split()[0] for line in lines if "*" in line] == ["linucb-1", "retivo", "linucb-1"]
    assert next(line for line in lines if "retivo" in line).split()[-1] == "0.000"


def test_picture__of_what_was_played__is_written(contest: Contest, tmp_path: Path) -> None:
    picture.draw(contest, tmp_path / "simulate.png")

    assert (tmp_path / "simulate.png").read_bytes().startswith(b"\x89PNG")

"""`make simulate` in small: the same world and the same policies, with a bar that only a broken model misses."""

from pathlib import Path

import numpy as np
import pytest

from bench import picture, population
from bench.simulation import OURS, POLICIES, Played, calibration_error, play, reliability
from tests.sizes import size

pytestmark = pytest.mark.no_database


@pytest.fixture(scope="module")
def played() -> dict[str, list[Played]]:
    tenants = [play(seed, 600) for seed in range(8)]
    return {name: [tenant[name] for tenant in tenants] for name in POLICIES}


def test_model__after_600_decisions__captured_most_of_what_there_was(played: dict[str, list[Played]]) -> None:
    share = {name: np.mean([tenant.captured[-1] for tenant in tenants]) for name, tenants in played.items()}

    assert share[OURS] > 0.45
    assert share[OURS] > share["Beta counters by segment"] + 0.1
    assert share[OURS] > share["LinUCB"] - 0.15


def test_model__confidence__is_how_often_it_is_right(played: dict[str, list[Played]]) -> None:
    assert calibration_error(played[OURS]) < 0.08
    stated, true, weight = reliability(played[OURS])
    assert weight.sum() == pytest.approx(1)
    assert true[-1] > true[0] + 0.4
    assert np.all(np.diff(stated) > 0)


def test_play__again__is_the_same(played: dict[str, list[Played]]) -> None:
    again = play(0, 600)

    for name in POLICIES:
        np.testing.assert_array_equal(again[name].captured, played[name][0].captured)


def test_picture__of_what_was_played__is_written(played: dict[str, list[Played]], tmp_path: Path) -> None:
    picture.draw(played, tmp_path / "simulate.png")

    assert (tmp_path / "simulate.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def started() -> list[list[population.Start]]:
    """New merchants of three populations: cold, with the pattern of 500 others at ε = 1, and with it permuted."""
    found = []
    for seed in range(size(1, whole=3)):
        people = population.population(seed)
        given = [population.given(people, 1000 * seed + n) for n in range(500)]
        pattern = population.released(given, 1.0, seed)
        worlds = [population.merchant(people, 10**6 + 10 * seed + n, 500) for n in range(2)]
        found.append([population.fared(worlds, each) for each in ({}, pattern, population.permuted(pattern))])
    return found


def test_start__with_the_pattern_of_500_tenants__is_warm(started: list[list[population.Start]]) -> None:
    cold, warm, _ = np.array([[(one.share, one.regret) for one in each] for each in started]).mean(axis=0)

    assert cold[0] < 0.8
    assert warm[0] >= 0.85  # 0.87 over more populations
    assert warm[1] <= 0.55 * cold[1]


def test_start__with_a_pattern_whose_types_are_permuted__costs_a_tenth_at_most(
    started: list[list[population.Start]],
) -> None:
    cold, _, wrong = np.array([[one.regret for one in each] for each in started]).sum(axis=0)

    assert wrong <= 1.1 * cold

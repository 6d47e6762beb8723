"""New merchants of a population, as `make simulate` plays them, in small."""

import numpy as np
import pytest

from bench import population
from tests.sizes import size

pytestmark = pytest.mark.no_database


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

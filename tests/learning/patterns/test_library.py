"""What released patterns read as."""

import math

import numpy as np
import pytest

from learning.model.prior import Pattern
from learning.patterns import library
from learning.patterns.statistic import FEATURES

pytestmark = pytest.mark.no_database


def _pattern(weight: float, error: float, count: float = 100) -> Pattern:
    return Pattern(FEATURES, count, np.full(len(FEATURES), weight), error, 1.0)


@pytest.mark.parametrize(
    ("count", "band"),
    [
        (-3, "under 50"),
        (49.9, "under 50"),
        (50, "50–99"),
        (499, "200–499"),
        (9_999, "5000–9999"),
        (1e5, "10000 or more"),
    ],
)
def test_band__of_a_count__is_where_it_lies(count: float, band: str) -> None:
    assert library.band(count) == band


def test_combined__of_two_releases__weighs_each_by_its_noise() -> None:
    found = library.combined([_pattern(1.0, 0.1), _pattern(0.0, 0.2)])

    assert found.mean == pytest.approx([0.8] * len(FEATURES))
    assert found.error == pytest.approx(math.sqrt(1 / (1 / 0.1**2 + 1 / 0.2**2)))
    assert found.count == 100  # the same tenants in both


def test_combined__with_a_release_of_other_features__leaves_it_out() -> None:
    old = Pattern(("bias",), 50, np.zeros(1), 0.1, 1.0)

    assert library.combined([_pattern(1.0, 0.1), old]).mean == pytest.approx([1.0] * len(FEATURES))


def test_segments__of_a_pattern__are_the_rates_with_the_noise_of_four_weights() -> None:
    found = library.segments(_pattern(-0.5, 0.03), _pattern(0.25, 0.04))

    assert [segment.segment for segment in found] == ["new", "onboarding", "active", "at_risk", "churned", "recovered"]
    off = 1.96 * math.sqrt(2 * (0.03**2 + 0.04**2))
    for segment in found:
        logit = 2 * (-0.5 + 0.25)
        expected = [1 / (1 + math.exp(-(logit + by))) for by in (-off, 0, off)]
        assert [segment.interval[0], segment.rate, segment.interval[1]] == pytest.approx(expected, abs=1e-4)

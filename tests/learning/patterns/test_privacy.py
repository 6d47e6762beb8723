"""The accounting against published formulas and opendp's own."""

import math
from statistics import NormalDist
from typing import Any

import opendp.prelude as dp
import pytest

from learning.patterns import privacy
from learning.patterns.privacy import CLIP, DELTA, FIXED_POINT

pytestmark = pytest.mark.no_database

dp.enable_features("contrib")

EPSILONS = [0.1, 0.5, 1.0, 4.0]


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_rho__for_an_epsilon__lies_between_bun_steinke_and_the_exact_gaussian(epsilon: float) -> None:
    rho = privacy.rho_of(epsilon)

    # Bun & Steinke 2016, Proposition 1.3: ρ-zCDP is (ρ + 2√(ρ ln 1/δ), δ)-DP, which is not the least ε.
    root = math.sqrt(math.log(1 / DELTA) + epsilon) - math.sqrt(math.log(1 / DELTA))
    assert rho > root**2
    # Balle & Wang 2018, Theorem 8: the δ of the Gaussian mechanism itself, which no conversion from zCDP can beat.
    apart = math.sqrt(2 * rho)
    normal = NormalDist().cdf
    delta = normal(apart / 2 - epsilon / apart) - math.exp(epsilon) * normal(-apart / 2 - epsilon / apart)
    assert 0 < delta < DELTA
    assert privacy.epsilon_of(rho) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_epsilon__of_a_release__is_what_opendp_says(epsilon: float) -> None:
    rho = privacy.rho_of(epsilon)
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T=float)
    gaussian: Any = dp.m.make_gaussian(*space, scale=privacy.deviation(rho) * FIXED_POINT)

    assert gaussian.map(CLIP * FIXED_POINT) == pytest.approx(rho, rel=1e-9)
    curve: Any = dp.c.make_zCDP_to_approxDP(gaussian)
    said = curve.map(CLIP * FIXED_POINT).epsilon(DELTA)
    assert privacy.epsilon_of(rho) == pytest.approx(said, rel=1e-6)


def test_epsilon__of_nothing__is_nothing() -> None:
    assert privacy.epsilon_of(0.0) == 0.0


def test_rho__of_several_releases__adds_up_within_the_total() -> None:
    quarter = privacy.rho_of(1.0) / 4

    assert privacy.epsilon_of(4 * quarter) == pytest.approx(1.0)
    assert 0.25 < privacy.epsilon_of(quarter) < 0.5


def test_advantage__at_the_usual_budget__is_a_twelfth() -> None:
    assert privacy.advantage(privacy.rho_of(1.0)) == pytest.approx(0.088, abs=0.001)

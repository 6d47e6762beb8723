"""The accounting against published formulas and opendp's own, and the mechanism against who knows all others."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import opendp.prelude as dp
import pytest

from bench.membership import RELEASES, advantage
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


# --- Membership inference -------------------------------------------------------------------------------------------

# Of the difference of two shares of RELEASES each, both near a half; four of them: one false alarm in 16,000.
ERROR = 4 * math.sqrt(0.5 / RELEASES)


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
def test_membership__of_one_tenant__is_told_no_better_than_the_mechanism_admits(epsilon: float) -> None:
    rho = privacy.rho_of(epsilon)

    found = advantage(privacy.Gaussian(), rho)

    assert found == pytest.approx(privacy.advantage(rho), abs=ERROR)


def test_membership__without_noise_or_with_half_of_it__is_caught() -> None:
    rho = privacy.rho_of(1.0)

    def nothing(sums: Sequence[int], scale: float) -> list[int]:
        return list(sums)

    def half(sums: Sequence[int], scale: float) -> list[int]:
        return privacy.Gaussian()(sums, scale / 2)

    assert advantage(nothing, rho) == 1.0
    assert advantage(half, rho) > privacy.advantage(rho) + ERROR


def test_noise__of_the_mechanism__has_the_deviation_that_was_asked_for() -> None:
    scale = privacy.deviation(privacy.rho_of(1.0)) * FIXED_POINT

    noise = np.array(privacy.Gaussian()([0] * 20_000, scale))

    assert noise.std() / scale == pytest.approx(1, abs=0.03)
    assert noise.mean() / scale == pytest.approx(0, abs=0.04)


def test_seeded_noise__again__is_the_same_and_its_seed_matters() -> None:
    one, again, other = (privacy.SeededGaussian(seed)([0] * 8, 1e6) for seed in (1, 1, 2))

    assert one == again != other

"""What a release tells of one tenant, bounded: zero-concentrated differential privacy and its Gaussian mechanism.

Neighbours differ in one whole tenant. A tenant adds a vector of integers whose Euclidean length is at most CLIP in
fixed point, so a sum with Gaussian noise of the deviation CLIP / √(2ρ) is ρ-zCDP (Bun & Steinke 2016, Proposition 1.6).
Their ρ add up over releases; (ε, δ) is what is said to people. docs/privacy.md has the formulas.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string

CLIP = 2.0
FIXED_POINT = 2**20  # of one; the database's function `contribute` counts in it too
WITHIN = 1.999999  # what a vector is shortened to: a millionth below CLIP, more than any sum's rounding comes to
DELTA = 1e-6
LEAST_RHO = 0.0001  # of a release, about ε = 0.054: who could ask for less at a time could ask as often as they like


def epsilon_of(rho: float, delta: float = DELTA) -> float:
    """The least ε for which ρ-zCDP is known to be (ε, δ)-DP (Canonne, Kamath & Steinke 2020, Proposition 12)."""
    if rho <= 0:
        return 0.0
    return max(0.0, _least(lambda order: _epsilon_at(order, rho, delta), 1 + 1e-9, 1 + 1e9))


def rho_of(epsilon: float, delta: float = DELTA) -> float:
    """The largest ρ that is (ε, δ)-differentially private."""
    low, high = 0.0, epsilon + 1.0
    while epsilon_of(high, delta) < epsilon:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of(middle, delta) <= epsilon else (low, middle)
    return low


def deviation(rho: float) -> float:
    """Of the noise on each coordinate, in units of the vectors themselves."""
    return CLIP / math.sqrt(2 * rho)


def advantage(rho: float) -> float:
    """By how much who knows every other tenant can tell a release with one tenant from one without it, at best.

    Hits minus false alarms of the best test: the total variation between two Gaussians that lie CLIP apart.
    """
    return math.erf(math.sqrt(rho) / 2)


def noisy(sums: Sequence[int], rho: float, add_noise: "Mechanism") -> list[int]:
    """What may leave us of `sums`, which one tenant moves by CLIP at most in all: ρ-zCDP."""
    return add_noise(sums, deviation(rho) * FIXED_POINT)


class Mechanism(Protocol):
    """Adds noise of `scale` (in fixed point) to each of these sums."""

    def __call__(self, sums: Sequence[int], scale: float) -> list[int]: ...


class Gaussian:
    """The discrete Gaussian of opendp, with its own source of randomness."""

    def __call__(self, sums: Sequence[int], scale: float) -> list[int]:
        import opendp.prelude as dp  # late: 110 MB, which the web has no use for

        # The one place. opendp calls "contrib" what is not vetted in full; the Gaussian on integers is sampled without
        # any floating-point error, as Canonne, Kamath & Steinke (2020) say.
        dp.enable_features("contrib")
        space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T=float)
        measurement = dp.m.make_gaussian(*space, scale=scale)
        noisy: list[int] = measurement(list(sums))
        return noisy


class SeededGaussian:
    """The same noise each time: for tests and simulations alone. Who knows the seed takes the noise off again."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, sums: Sequence[int], scale: float) -> list[int]:
        noise = np.rint(self._random.normal(0, scale, len(sums))).astype(int)
        return [total + int(more) for total, more in zip(sums, noise, strict=True)]


def mechanism() -> Mechanism:
    """What `PATTERNS_MECHANISM` names; a system check keeps it to `Gaussian` outside development."""
    made: Mechanism = import_string(settings.PATTERNS_MECHANISM)()
    return made


def _epsilon_at(order: float, rho: float, delta: float) -> float:
    return order * rho + math.log1p(-1 / order) - math.log(delta * order) / (order - 1)


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """The minimum over `low` to `high`, by golden sections of the logarithm of what is above 1."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = math.log(low - 1), math.log(high - 1)
    for _ in range(200):
        first, second = right - ratio * (right - left), left + ratio * (right - left)
        if function(1 + math.exp(first)) < function(1 + math.exp(second)):
            right = second
        else:
            left = first
    return function(1 + math.exp((left + right) / 2))

"""What a release tells of one tenant, bounded: zero-concentrated differential privacy and its Gaussian mechanism.

Neighbours differ in one whole tenant. A tenant adds a vector of integers whose Euclidean length is at most CLIP in
fixed point, so a sum with Gaussian noise of the deviation CLIP / √(2ρ) is ρ-zCDP (Bun & Steinke 2016, Proposition 1.6).
Their ρ add up over releases; (ε, δ) is what is said to people. docs/privacy.md has the formulas. The noise itself is
drawn in the database, by the function `discrete_gaussian`.
"""

import math
from collections.abc import Callable

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

"""From a state and a user to a choice, with two numbers that are never mixed up.

`confidence` is the probability that an action is the best one, under the posterior as it stands. `propensity` is the
probability with which it was drawn: Thompson sampling under a narrower posterior, with a floor. The choice is drawn
from exactly the vector that is logged. Nothing here is random but the seed: the same input gives the same answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, log2
from random import Random
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from learning.model.posterior import Array
from learning.model.reasoning import explain
from learning.model.state import State

EXPLORATION = 0.1  # what the covariance is scaled by to explore
FLOOR = 0.01  # the share that is drawn evenly

_POINTS = 2048
_FEWEST_POINTS = 256
_SHARE_DIGITS = 6  # beyond them is rounding, which differs between processors: a new tenant's share is 1 on all


@dataclass(frozen=True)
class Choice:
    """What was drawn, and everything that was known about it. The vectors are in the order of `actions`."""

    action: str
    actions: tuple[str, ...]
    confidence: tuple[float, ...]
    propensity: tuple[float, ...]
    score: tuple[float, ...]  # the expected reward, at the posterior's mean
    prior_share: tuple[float, ...]  # how much of what is known of each is prior; the rest is the tenant's own data
    pattern_weight: float  # how probable the shared patterns are, by the tenant's own outcomes; 0 without any
    reasoning: str
    version: int

    @property
    def index(self) -> int:
        """Of the chosen action."""
        return self.actions.index(self.action)


def choose(
    *,
    state: State,
    features: Mapping[str, float],
    names: Sequence[str],
    actions: Sequence[str],
    seed: str,
    labels: Mapping[str, str] | None = None,
) -> Choice:
    """Draw one of `actions` for a user.

    Args:
        features: what is known of the user, by `features.of_user`.
        names: the tenant's feature list.
        actions: the candidates that guardrails left, `NOTHING` among them wherever it is allowed.
        seed: e.g. the decision's id; it alone decides the draw.
        labels: what to call the actions in the reasoning.
    """
    state = state.covering(names, actions)
    places = [state.actions.index(action) for action in actions]
    x = state.vector(features)
    confidence, explored, score, prior_share = (np.zeros(len(places)) for _ in range(4))
    for expert in state.experts:
        every_mean, every_covariance = expert.posterior.logits(x)
        mean, covariance = every_mean[places], every_covariance[places][:, places]
        points = points_for(expert.weight)
        certain, exploring = best_probabilities(mean, covariance, (1.0, EXPLORATION), points)
        left = np.minimum(np.diagonal(covariance) / expert.posterior.prior_variances(x)[places], 1)
        confidence += expert.weight * certain
        explored += expert.weight * exploring
        score += expert.weight / (1 + np.exp(-mean))
        prior_share += expert.weight * left
    propensity = (1 - FLOOR) * explored + FLOOR / len(places)
    chosen = draw(propensity, seed)
    return Choice(
        action=actions[chosen],
        actions=tuple(actions),
        confidence=tuple(confidence.tolist()),
        propensity=tuple(propensity.tolist()),
        score=tuple(score.tolist()),
        prior_share=tuple(prior_share.round(_SHARE_DIGITS).tolist()),
        pattern_weight=state.pattern_weight,
        reasoning=explain(
            state=state,
            weights=state.weights,
            x=x,
            actions=actions,
            chosen=chosen,
            logits=score.tolist(),
            prior_share=float(prior_share[chosen]),
            labels=labels or {},
        ),
        version=state.version,
    )


def points_for(weight: float) -> int:
    """How many points an expert of this weight is worth: what several find is as fine, and takes as long, as of one."""
    return max(_FEWEST_POINTS, 1 << ceil(log2(_POINTS * weight)))


def best_probabilities(mean: Array, covariance: Array, scales: Sequence[float], points: int = _POINTS) -> list[Array]:
    """The probability of each logit to be the highest one, for each scale of the covariance; each sums to 1."""
    # Rounded, for there is half as much to go through. Not before: products differ between processors.
    spread = (np.linalg.cholesky(covariance) @ _points(len(mean))[:, :points]).astype(np.float32)
    drawn = np.empty_like(spread)  # once: memory that is new costs as much as what is written to it
    found = []
    for scale in scales:
        # Of mean ± √scale · spread the highest is the same.
        middle = (mean / scale**0.5).astype(np.float32)[:, None]
        wins = _wins(np.add(middle, spread, out=drawn)) + _wins(np.subtract(middle, spread, out=drawn))
        found.append(wins / wins.sum())
    return found


def _wins(drawn: NDArray[np.float32]) -> NDArray[np.intp]:
    """How often each row has the highest value."""
    highest = drawn == drawn.max(axis=0)
    # Eight at once: a sum along the axis takes many times as long.
    wins: NDArray[np.intp] = np.bitwise_count(highest.view(np.uint64)).sum(axis=1, dtype=np.intp)
    return wins


def draw(probabilities: Array, seed: str) -> int:
    """An index, with these probabilities."""
    at = Random(seed).random() * probabilities.sum()  # noqa: S311 (it is to be repeatable)
    return min(int(np.searchsorted(np.cumsum(probabilities), at, side="right")), len(probabilities) - 1)


@cache
def _points(dimensions: int) -> Array:
    """Standard normal points that with their mirror images fill the space evenly: always the same, so probabilities do
    not flicker.

    Roberts' R-sequence (a lattice by the generalised golden ratio), any beginning of which is even, too; with 4,096 of
    both the largest error of a probability is below 0.01 at 2 to 50 actions.
    """
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    even = (0.5 + steps[:, None] * np.arange(1, _POINTS + 1)) % 1
    normal: Array = np.vectorize(NormalDist().inv_cdf)(np.clip(even, 1e-9, 1 - 1e-9))
    return normal
